/** What `import … from 'scoring-functions'` offers to entry scripts. */
import type { ModelSession } from '../models/session/model-session.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { type DeclaredShape, hasRowAxis } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

export type { ModelSession, TensorInfo } from '../models/session/model-session.ts'
export type { Dtype } from '../tensor/dtype.ts'
export { Tensor } from '../tensor/tensor.ts'
export { decodeImage, type ImageOptions } from './image.ts'

/** What `init` receives, once per worker thread. */
export interface InitContext {
  /** Folder with the model, as `AZUREML_MODEL_DIR`. */
  readonly modelDir: string
  /** A session of the named model (the only one when there is one), on the accelerator that `service.json` asks for. */
  loadModel(name?: string): Promise<ModelSession>
  /** Writes a line to the service's log. */
  log(...message: unknown[]): void
}

/**
 * What `run` receives as its second argument, when it has two parameters: the headers of the request, without
 * `Authorization` (the key is checked already). Names are in title case (`X-Custom-Thing`), repeated headers joined
 * with a comma. A script that takes headers is called once a request.
 */
export type RequestHeaders = Readonly<Record<string, string>>

/** What `decode` of a script receives: a body of one of the media types in its `accepts`. */
export interface BodyToDecode {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The media type as the caller named it, in small letters and without parameters, e.g. `image/png`. */
  readonly contentType: string
}

/** A declared tensor. As `input`: `run` receives `{ data: Tensor }`, checked. As `output`: what the answer is documented as. */
export class TensorInput {
  readonly dtype: Dtype
  readonly shape: DeclaredShape
  readonly sample: Tensor

  constructor(sample: Tensor) {
    this.dtype = sample.dtype
    this.shape = sample.shape.map((size, axis) => (axis === 0 ? 'rows' : size))
    this.sample = sample
  }

  /** Rows of several requests can be put under each other. */
  get hasRowAxis(): boolean {
    return hasRowAxis(this.shape)
  }
}

/**
 * Declares the input of an entry script: `export const input = tensor([[5.1, 3.5, 1.4, 0.2]], 'float32')`.
 * As with Azure ML's `NumpyParameterType`, the sample gives rank and sizes, and the first dimension may have any size.
 * As `export const output` it describes the answer in the service's OpenAPI document, and nothing else: like Azure ML's
 * `@output_schema` it neither converts nor checks what `run` returns.
 *
 * @param sample  nested arrays, one row or more
 */
export function tensor(sample: unknown, dtype: Dtype = 'float64'): TensorInput {
  return new TensorInput(Tensor.from(dtype, sample, 'sample'))
}
