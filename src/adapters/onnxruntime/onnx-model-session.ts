import './telemetry-off.ts'

import { threadId } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { updatesStatistics } from '../../models/graph/training-statistics.ts'
import type { ProviderAttempt } from '../../models/repository/provider-attempts.ts'
import type { Feeds, ModelSession, RowProof, TensorInfo } from '../../models/session/model-session.ts'
import { describeOnCpu, type Placement, providersOf } from '../../models/session/placement.ts'
import { syntheticRow } from '../../scripts/made-up-rows.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { ModelFile, ModelSource } from './model-file.ts'
import { fromNative, inputInfo, outputInfo, toNative } from './native-tensor.ts'
import { NodeProfile, placementOf } from './node-profile.ts'
import { runFailure } from './run-failure.ts'
import { webgpuTurns } from './webgpu-turns.ts'

// The runtime prints its errors to stderr in colour as well as throwing them; 4 (fatal) leaves the throwing.
const logSeverityLevel = 4
ort.env.logLevel = 'fatal'

/** An ONNX file, and the name of the file beside it for weights of 1 KB or more. */
export interface SaveTo {
  readonly path: string
  readonly weights: string
}

/**
 * A model that ONNX Runtime has loaded. On anything but the CPU its first run is profiled, which tells where its nodes
 * really ran: the runtime gives the CPU what a provider cannot take, without a word.
 */
export class OnnxModelSession implements ModelSession {
  readonly name: string
  readonly inputs: readonly TensorInfo[]
  readonly optionalInputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  readonly rowProof: RowProof
  /** What its owner should know of where it runs. */
  readonly notes: string[] = []
  readonly #session: ort.InferenceSession
  readonly #defaults: ModelFile['defaults']
  /** What the session calls each output. */
  readonly #values: readonly string[]
  readonly #provider: string
  readonly #inTurn: InTurn | undefined
  #profile: NodeProfile | undefined
  #placement: Placement | undefined

  /**
   * @param source  what the runtime opens: the file, unless it is kept in another form
   * @param saveTo  where the graph goes as the runtime has optimized it
   * @throws Error in the words of ONNX Runtime when the provider cannot load it
   */
  static async open(
    file: ModelFile,
    { name: provider, providers, isStrict }: ProviderAttempt,
    accelerator: ServiceDefinition['accelerator'],
    { source = file.source, saveTo }: { source?: ModelSource; saveTo?: SaveTo } = {},
  ): Promise<OnnxModelSession> {
    const profile = provider === 'cpu' ? undefined : new NodeProfile()
    const inTurn = provider === 'webgpu' ? waitForTurn() : undefined
    const folderOfWeights = 'bytes' in source ? source.folderOfWeights : undefined
    const create = () => {
      const options: ort.InferenceSession.SessionOptions = {
        executionProviders: providers as ort.InferenceSession.ExecutionProviderConfig[],
        intraOpNumThreads: accelerator.intraOpThreads,
        interOpNumThreads: 1,
        graphOptimizationLevel: updatesStatistics(file.model) ? 'disabled' : accelerator.graphOptimization,
        logSeverityLevel,
        ...(saveTo && { optimizedModelFilePath: saveTo.path }),
        ...(profile && { enableProfiling: true, profileFilePrefix: profile.prefix }),
        extra: {
          session: {
            // Spinning threads keep a core busy while nobody calls.
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
      const session = await (inTurn ? inTurn(create) : create())
      return new OnnxModelSession(file, session, provider, profile, inTurn)
    } catch (failure) {
      profile?.remove()
      throw failure
    }
  }

  private constructor(
    { name, graph, defaults, rowProof }: ModelFile,
    session: ort.InferenceSession,
    provider: string,
    profile: NodeProfile | undefined,
    inTurn: InTurn | undefined,
  ) {
    this.name = name
    this.rowProof = rowProof
    this.#session = session
    this.#provider = provider
    this.#profile = profile
    this.#inTurn = inTurn
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

  /** What ran it, as soon as it has run: `webgpu`, or `webgpu, cpu` where some of its nodes ran on the CPU. */
  get executionProvider(): string {
    return this.#placement ? providersOf(this.#placement) : this.#provider
  }

  /** Nothing else was asked for. */
  get isOnCpu(): boolean {
    return this.#provider === 'cpu'
  }

  /** undefined: it runs on the CPU because it was asked to, or it has not run yet. */
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
      outputs = await (this.#inTurn ? this.#inTurn(() => this.#session.run(native)) : this.#session.run(native))
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

  /** Makes sure that it has run, with a made-up row if nobody had a better one, and is not profiled any more. */
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
    const release = () => this.#session.release()
    await (this.#inTurn ? this.#inTurn(release) : release())
  }

  async #endProfile(): Promise<void> {
    const profile = this.#profile
    if (!profile) return
    this.#profile = undefined
    const end = async () => this.#session.endProfiling()
    try {
      await (this.#inTurn ? this.#inTurn(end) : end())
      this.#placement = placementOf(this.name, profile.read())
      if (this.#placement && this.#placement.typesOnCpu.length > 0) {
        this.notes.push(
          `model "${this.name}": ${describeOnCpu(this.#placement)} run on the CPU, not on ${this.#provider}`,
        )
      }
    } catch (failure) {
      // Nobody's answer depends on it.
      this.notes.push(`where the nodes of model "${this.name}" run is not known: ${(failure as Error).message}`)
    } finally {
      profile.remove()
    }
  }
}

/** Runs work of the GPU when no other thread has any. */
type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>

function waitForTurn(): InTurn {
  const turns = webgpuTurns()
  return work => turns.take(threadId, work)
}
