import type { Dtype, TensorData } from './dtype.ts'
import { elementEncoder } from './json-elements.ts'
import { decodeNested } from './nested.ts'
import { elementCount, type Shape } from './shape.ts'

/** Numbers, booleans or text in equal rows, row-major. What entry scripts feed to a model and get back from it. */
export class Tensor {
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
   * A tensor from nested arrays, e.g. `Tensor.from('float32', [[1, 2], [3, 4]])` of shape [2, 2].
   *
   * @throws ScoringError INPUT_RAGGED or INPUT_TYPE_MISMATCH, naming the element
   */
  static from(dtype: Dtype, nested: unknown, name = 'data'): Tensor {
    return decodeNested(name, dtype, undefined, nested)
  }

  /** Entries on the first axis; a scalar is one row. */
  get rowCount(): number {
    return this.shape[0] ?? 1
  }

  /** Nested arrays, row-major, as NumPy's `tolist()`: numbers, BigInt for 64-bit integers, booleans, text. A scalar is itself. */
  toList(): unknown {
    const { data, dtype } = this
    return nested(this.shape, dtype === 'bool' ? index => data[index] !== 0 : index => data[index])
  }

  /**
   * For `JSON.stringify`: the same, with numbers spelt as the server spells them. Floats keep `.0`, as Python's do, 64-bit
   * integers all their digits, and NaN is null.
   */
  toJSON(): unknown {
    const { data, dtype } = this
    if (!/^float|64$/.test(dtype)) return this.toList()
    const encodeElement = elementEncoder(dtype, 'null')
    return nested(this.shape, index => rawJson(encodeElement(data[index] as never)))
  }
}

/** TypeScript does not know it yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): object }

function nested(shape: Shape, elementAt: (index: number) => unknown): unknown {
  let next = 0
  const axis = (depth: number): unknown =>
    depth === shape.length ? elementAt(next++) : Array.from({ length: shape[depth] as number }, () => axis(depth + 1))
  return axis(0)
}
