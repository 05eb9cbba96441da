/** The exports that entry scripts import from 'scoring-functions'. */
import type { ModelSession } from '../models/session/model-session.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { type DeclaredShape, hasRowAxis } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

export type { ModelSession, TensorInfo } from '../models/session/model-session.ts'
export type { Dtype } from '../tensor/dtype.ts'
export { Tensor } from '../tensor/tensor.ts'
export { decodeImage, type ImageOptions } from './image.ts'

/** The argument of `init`, which runs once in every worker. */
export interface InitContext {
  /** Folder of the model, like `AZUREML_MODEL_DIR`. */
  readonly modelDir: string
  /** Opens the named model (default: the only one) on the accelerator that `service.json` sets. */
  loadModel(name?: string): Promise<ModelSession>
  /** Writes a line to the service's log. */
  log(...message: unknown[]): void
}

/**
 * The second argument of `run`, if it has two parameters: the request's headers without `Authorization`, since the key is
 * already checked. Names are in title case (`X-Custom-Thing`), and repeated headers are joined with a comma. A script that
 * takes headers is called once per request.
 */
export type RequestHeaders = Readonly<Record<string, string>>

/** The argument of a script's `decode`: a body of one of the media types in `accepts`. */
export interface BodyToDecode {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The request's media type in lower case and without parameters, e.g. `image/png`. */
  readonly contentType: string
}

/** A declared tensor. As `input`, `run` receives a checked `{ data: Tensor }`; as `output`, it documents the answer. */
export class TensorInput {
  readonly dtype: Dtype
  readonly shape: DeclaredShape
  readonly sample: Tensor

  constructor(sample: Tensor) {
    this.dtype = sample.dtype
    this.shape = sample.shape.map((size, axis) => (axis === 0 ? 'rows' : size))
    this.sample = sample
  }

  /** Whether rows of several requests can be concatenated. */
  get hasRowAxis(): boolean {
    return hasRowAxis(this.shape)
  }
}

/**
 * Declares the input of an entry script: `export const input = tensor([[5.1, 3.5, 1.4, 0.2]], 'float32')`.
 * As with Azure ML's `NumpyParameterType`, the sample sets rank and sizes, and the first dimension may have any size.
 * As `export const output` it only describes the answer in the OpenAPI document: like Azure ML's `@output_schema` it
 * neither converts nor checks the value that `run` returns.
 *
 * @param sample  nested arrays, one row or more
 */
export function tensor(sample: unknown, dtype: Dtype = 'float64'): TensorInput {
  return new TensorInput(Tensor.from(dtype, sample, 'sample'))
}
