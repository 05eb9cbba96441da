import './telemetry-off.ts'

import { threadId } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { findKnownTexts } from '../../models/graph/typical-values.ts'
import type { ProviderAttempt } from '../../models/repository/provider-attempts.ts'
import type { Feeds, ModelSession, RowProof, TensorInfo } from '../../models/session/model-session.ts'
import { describeOnCpu, listProviders, type Placement } from '../../models/session/placement.ts'
import { syntheticRow } from '../../scripts/made-up-rows.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { ModelFile } from './model-file.ts'
import { fromNative, inputInfo, outputInfo, toNative } from './native-tensor.ts'
import { NodeProfile, readPlacement } from './node-profile.ts'
import { optimizationLevel } from './optimized-model.ts'
import { runFailure } from './run-failure.ts'
import { webgpuMutex } from './webgpu-mutex.ts'

// The runtime prints its errors to stderr in colour as well as throwing them; 4 (fatal) leaves the throwing.
const logSeverityLevel = 4
ort.env.logLevel = 'fatal'

/** An ONNX file, and the name of the file beside it for weights of 1 KB or more. */
interface SaveTo {
  readonly path: string
  readonly weights: string
}

interface OpenOptions {
  readonly accelerator: ServiceDefinition['accelerator']
  /** The graph of the file as `scoring optimize` left it; undefined: the file itself is opened. */
  readonly optimizedPath?: string
  /** The files to which the runtime writes the graph as it optimized it. */
  readonly saveTo?: SaveTo
}

interface OpenedSession {
  readonly file: ModelFile
  readonly session: ort.InferenceSession
  readonly provider: string
  readonly profile: NodeProfile | undefined
  readonly exclusively: Exclusively
  readonly optimizedPath: string | undefined
}

/**
 * A model that ONNX Runtime has loaded. On anything but the CPU its first run is profiled to see where its nodes ran: the
 * runtime silently runs on the CPU what a provider cannot take.
 */
export class OnnxModelSession implements ModelSession {
  readonly name: string
  readonly inputs: readonly TensorInfo[]
  readonly optionalInputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  readonly rowProof: RowProof
  readonly knownTexts: ReadonlyMap<string, string>
  /** The session was opened from the files of `scoring optimize`. */
  readonly isOptimizedAhead: boolean
  /** Notes for the owner on where the model runs. */
  readonly notes: string[] = []
  readonly #session: ort.InferenceSession
  readonly #defaults: ModelFile['defaults']
  /** The names that the session has for the outputs. */
  readonly #values: readonly string[]
  readonly #provider: string
  readonly #exclusively: Exclusively
  #profile: NodeProfile | undefined
  #placement: Placement | undefined

  /**
   * @throws Error in the words of ONNX Runtime when the provider cannot load it
   */
  static async open(
    file: ModelFile,
    { name: provider, providers, isStrict }: ProviderAttempt,
    { accelerator, optimizedPath, saveTo }: OpenOptions,
  ): Promise<OnnxModelSession> {
    const profile = provider === 'cpu' ? undefined : new NodeProfile()
    const exclusively = provider === 'webgpu' ? onGpu : onCpu
    const source = optimizedPath === undefined ? file.source : { path: optimizedPath }
    const folderOfWeights = 'bytes' in source ? source.folderOfWeights : undefined
    const create = () => {
      const options: ort.InferenceSession.SessionOptions = {
        executionProviders: providers as ort.InferenceSession.ExecutionProviderConfig[],
        intraOpNumThreads: accelerator.intraOpThreads,
        interOpNumThreads: 1,
        graphOptimizationLevel: optimizedPath === undefined ? optimizationLevel(file, accelerator) : 'disabled',
        logSeverityLevel,
        ...(saveTo && { optimizedModelFilePath: saveTo.path }),
        ...(profile && { enableProfiling: true, profileFilePrefix: profile.prefix }),
        extra: {
          session: {
            // Spinning threads keep a core busy between runs.
            intra_op: { allow_spinning: '0' },
            inter_op: { allow_spinning: '0' },
            ...(isStrict && { disable_cpu_ep_fallback: '1' }),
            ...(folderOfWeights !== undefined && { model_external_initializers_file_folder_path: folderOfWeights }),
            ...(saveTo && {
              optimized_model_external_initializers_file_name: saveTo.weights,
              optimized_model_external_initializers_min_size_in_bytes: '1024',
            }),
          },
        },
      }
      return 'bytes' in source
        ? ort.InferenceSession.create(source.bytes, options)
        : ort.InferenceSession.create(source.path, options)
    }
    try {
      const session = await exclusively(create)
      return new OnnxModelSession({ file, session, provider, profile, exclusively, optimizedPath })
    } catch (failure) {
      profile?.remove()
      throw failure
    }
  }

  private constructor({ file, session, provider, profile, exclusively, optimizedPath }: OpenedSession) {
    const { name, graph, defaults, rowProof } = file
    this.name = name
    this.rowProof = rowProof
    this.knownTexts = findKnownTexts(file.model)
    this.isOptimizedAhead = optimizedPath !== undefined
    this.#session = session
    this.#provider = provider
    this.#profile = profile
    this.#exclusively = exclusively
    this.#defaults = defaults
    this.optionalInputs = defaults.map(({ info }) => info)
    const optional = new Set(this.optionalInputs.map(each => each.name))
    this.inputs = session.inputMetadata
      .filter(input => !optional.has(input.name))
      .map(input => inputInfo(input, graph.inputsOfAnyShape.has(input.name)))
    const given = new Map(session.outputMetadata.map(output => [output.name, output]))
    this.#values = graph.outputs.map(({ value }) => value)
    this.outputs = graph.outputs.map(output =>
      outputInfo(given.get(output.value) as ort.InferenceSession.ValueMetadata, output),
    )
  }

  /** The providers that ran it, known after its first run: `webgpu`, or `webgpu, cpu` where some nodes ran on the CPU. */
  get executionProvider(): string {
    return this.#placement ? listProviders(this.#placement) : this.#provider
  }

  /** The session was asked for no provider but the CPU. */
  get isOnCpu(): boolean {
    return this.#provider === 'cpu'
  }

  /** Undefined for a session on the CPU alone, and before the first run. */
  get placement(): Placement | undefined {
    return this.#placement
  }

  async run(feeds: Feeds): Promise<Record<string, Tensor>> {
    const native: Record<string, ort.Tensor> = Object.create(null) // an input may be named `__proto__`
    for (const input of this.inputs) native[input.name] = toNative(input, feeds[input.name])
    for (const { info, value } of this.#defaults) {
      const given = Object.hasOwn(feeds, info.name) ? feeds[info.name] : value
      native[info.name] = toNative(info, given)
    }
    let outputs: ort.InferenceSession.OnnxValueMapType
    try {
      outputs = await this.#exclusively(() => this.#session.run(native))
    } catch (cause) {
      throw runFailure(cause as Error)
    }
    if (this.#profile) await this.#endProfile()
    try {
      const results = this.outputs.map((output, index) => {
        const native = outputs[this.#values[index] as string] as ort.Tensor
        return [output.name, fromNative(output, native)] as const
      })
      return Object.fromEntries(results)
    } catch (cause) {
      throw runFailure(cause as Error) // some converters write other classes than there are probabilities
    }
  }

  /** Ends the profile of the first run, which has a made-up row where no request or sample has run yet. */
  async measurePlacement(): Promise<void> {
    if (!this.#profile) return
    try {
      await this.run(syntheticRow(this.inputs))
    } catch {
      // Made-up values need not suit the model.
      await this.#endProfile()
      this.notes.push(`where the nodes of model "${this.name}" run is not known: made-up rows cannot be scored`)
    }
  }

  async release(): Promise<void> {
    this.#profile?.remove()
    await this.#exclusively(() => this.#session.release())
  }

  async #endProfile(): Promise<void> {
    const profile = this.#profile
    if (!profile) return
    this.#profile = undefined
    try {
      await this.#exclusively(async () => this.#session.endProfiling())
      this.#placement = readPlacement(this.name, profile.read())
      if (this.#placement && this.#placement.typesOnCpu.length > 0) {
        this.notes.push(
          `model "${this.name}": ${describeOnCpu(this.#placement)} run on the CPU, not on ${this.#provider}`,
        )
      }
    } catch (failure) {
      // No answer depends on the placement.
      this.notes.push(`where the nodes of model "${this.name}" run is not known: ${(failure as Error).message}`)
    } finally {
      profile.remove()
    }
  }
}

type Exclusively = <Result>(work: () => Promise<Result>) => Promise<Result>

/** Runs GPU work while no other thread of the process runs any. */
const onGpu: Exclusively = work => webgpuMutex().run(threadId, work)
const onCpu: Exclusively = work => work()
