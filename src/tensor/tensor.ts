import type { Dtype, TensorData } from './dtype.ts'
import { decodeNested, type NonFiniteInput } from './nested.ts'
import { elementCount, type Shape } from './shape.ts'

/** Numbers, booleans or text in equal rows, row-major. What entry scripts feed to a model and get back from it. */
export class Tensor {
  /** What `from` takes beside finite numbers. A thread serves one service, which sets it once ("missing" in `service.json`). */
  static takes: NonFiniteInput = 'all'

  readonly dtype: Dtype
  readonly shape: Shape
  readonly data: TensorData

  /** @throws RangeError when `data` does not hold exactly the elements that `shape` needs */
  constructor(dtype: Dtype, data: TensorData, shape: Shape) {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(
        `a tensor of shape [${shape.join(', ')}] has ${elementCount(shape)} elements, got ${data.length}`,
      )
    }
    this.dtype = dtype
    this.shape = shape
    this.data = data
  }

  /**
   * A tensor from nested arrays, e.g. `Tensor.from('float32', [[1, 2], [3, 4]])` of shape [2, 2]. Where floats are
   * asked for, `null` is NaN, unless the service says `"missing": "error"`.
   *
   * @throws ScoringError INPUT_RAGGED or INPUT_TYPE_MISMATCH, naming the element
   */
  static from(dtype: Dtype, nested: unknown, name = 'data'): Tensor {
    return decodeNested(name, dtype, undefined, nested, Tensor.takes)
  }

  /** Entries on the first axis; a scalar is one row. */
  get rowCount(): number {
    return this.shape[0] ?? 1
  }
}
