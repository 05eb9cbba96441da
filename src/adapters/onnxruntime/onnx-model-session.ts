import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import * as ort from 'onnxruntime-node'
import type { Feeds, ModelSession, TensorInfo } from '../../engine/model-session.ts'
import type { ModelPath } from '../../engine/thread-spec.ts'
import { InputShapeMismatch, ScoringError, ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../service/definition.ts'
import { isDtype, type TensorData } from '../../tensor/dtype.ts'
import { fits } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

// The runtime prints its errors to stderr in colour as well as throwing them; 4 (fatal) leaves the throwing.
const logSeverityLevel = 4

/**
 * Loads a model. Blocks the calling thread for as long as ONNX Runtime needs.
 *
 * @throws ServiceLoadError when the digest differs, the file is not a model, or uses a type that JavaScript cannot hold
 */
export async function loadOnnxModel(
  model: ModelPath,
  accelerator: ServiceDefinition['accelerator'],
): Promise<ModelSession> {
  await verifyDigest(model)
  let session: ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(model.path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: accelerator.intraOpThreads,
      interOpNumThreads: 1,
      graphOptimizationLevel: accelerator.graphOptimization,
      logSeverityLevel,
      // Spinning threads keep a core busy while nobody calls.
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    })
  } catch (cause) {
    throw new ServiceLoadError(
      `model "${model.name}" cannot be loaded: ${(cause as Error).message} (is it a whole ONNX file? it has ${await sizeOf(model.path)})`,
      { cause },
    )
  }
  const inputs = session.inputMetadata.map(input => tensorInfo(model.name, input))
  const outputs = session.outputMetadata.map(output => tensorInfo(model.name, output))
  return new OnnxModelSession(model.name, session, inputs, outputs)
}

class OnnxModelSession implements ModelSession {
  readonly name: string
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  readonly executionProvider = 'cpu'
  readonly #session: ort.InferenceSession

  constructor(
    name: string,
    session: ort.InferenceSession,
    inputs: readonly TensorInfo[],
    outputs: readonly TensorInfo[],
  ) {
    this.name = name
    this.#session = session
    this.inputs = inputs
    this.outputs = outputs
  }

  async run(feeds: Feeds): Promise<Record<string, Tensor>> {
    const native: Record<string, ort.Tensor> = {}
    for (const input of this.inputs) native[input.name] = toNative(input, feeds[input.name])
    let outputs: ort.InferenceSession.OnnxValueMapType
    try {
      outputs = await this.#session.run(native)
    } catch (cause) {
      throw new ScoringError(
        'MODEL_RUN_FAILED',
        'The model could not score this input. Check the logs for more info.',
        { cause },
      )
    }
    const results: Record<string, Tensor> = {}
    for (const { name } of this.outputs) {
      const output = outputs[name] as ort.Tensor
      results[name] = new Tensor(output.type as Tensor['dtype'], output.data as TensorData, output.dims)
    }
    return results
  }
}

function toNative(input: TensorInfo, tensor: Tensor | undefined): ort.Tensor {
  // A missing input or another type is the entry script's mistake, a shape mostly the caller's.
  if (!(tensor instanceof Tensor))
    throw new TypeError(`the model takes a Tensor "${input.name}" of type ${input.dtype}`)
  if (tensor.dtype !== input.dtype)
    throw new TypeError(`"${input.name}" has type ${tensor.dtype}, the model takes ${input.dtype}`)
  if (!fits(tensor.shape, input.shape)) throw new InputShapeMismatch(input.name, input.shape, tensor.shape)
  if (tensor.dtype === 'string') refuseLossyTexts(input.name, tensor.data as string[])
  const native = new ort.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape)
  if (tensor.dtype === 'float16') passFloat16AsBits(native)
  return native
}

/** The runtime takes texts as UTF-8 up to the first NUL (1.30): it would score others than came, without a word. */
function refuseLossyTexts(input: string, texts: readonly string[]): void {
  const at = texts.findIndex(text => text.includes('\0') || !text.isWellFormed())
  if (at < 0) return
  const what = texts[at]?.includes('\0') ? 'a NUL character' : 'half of a surrogate pair'
  throw new ScoringError('INPUT_TYPE_MISMATCH', `input "${input}": text ${at} has ${what}, which the model cannot take`)
}

/** Node-API does not know Float16Array and would hand over nothing; the binding takes the bits as Uint16Array (1.30). */
function passFloat16AsBits(tensor: ort.Tensor): void {
  const { buffer, byteOffset, length } = tensor.data as unknown as Float16Array
  Object.assign(tensor, { cpuData: new Uint16Array(buffer, byteOffset, length) })
}

function tensorInfo(model: string, value: ort.InferenceSession.ValueMetadata): TensorInfo {
  if (!value.isTensor)
    throw new ServiceLoadError(
      `model "${model}": "${value.name}" is not a tensor (a map or sequence); only tensors can be scored`,
    )
  if (!isDtype(value.type)) {
    throw new ServiceLoadError(
      `model "${model}": "${value.name}" has the type ${value.type}, which JavaScript cannot hold`,
    )
  }
  // A dimension that the graph leaves open without a name comes as an empty name.
  return { name: value.name, dtype: value.type, shape: value.shape.map(size => (size === '' ? -1 : size)) }
}

async function sizeOf(path: string): Promise<string> {
  return stat(path).then(
    file => (file.isFile() ? `${file.size} bytes` : 'no bytes: it is not a file'),
    () => 'no bytes that can be read',
  )
}

async function verifyDigest({ name, path, sha256 }: ModelPath): Promise<void> {
  if (!sha256) return
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  const actual = hash.digest('hex')
  if (actual !== sha256.toLowerCase()) {
    throw new ServiceLoadError(
      `model "${name}": the file's SHA-256 is ${actual}, service.json says ${sha256.toLowerCase()}`,
    )
  }
}
