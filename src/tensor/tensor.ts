import type { Dtype, TensorData } from './dtype.ts'
import { decodeNested, type NonFiniteInput } from './nested.ts'
import { elementEncoder } from './python-json-elements.ts'
import { elementCount, type Shape } from './shape.ts'

/** Numbers, booleans or text in equal rows, row-major. Entry scripts feed tensors to a model and get tensors back. */
export class Tensor {
  /** The floats that `from` takes besides finite numbers. A worker serves one service, which sets it once ("missing" in `service.json`). */
  static takes: NonFiniteInput = 'all'

  readonly dtype: Dtype
  readonly shape: Shape
  readonly data: TensorData
  /**
   * The names of the entries on the last axis: the classes whose probabilities a classifier gives. Each row of such a
   * tensor is written as an object, `{"setosa": 0.98, "virginica": 0.02}`.
   */
  readonly classes: readonly string[] | undefined

  /** @throws RangeError when `data` does not hold exactly the elements that `shape` needs, or `classes` not their names */
  constructor(dtype: Dtype, data: TensorData, shape: Shape, classes?: readonly string[]) {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(
        `a tensor of shape [${shape.join(', ')}] has ${elementCount(shape)} elements, got ${data.length}`,
      )
    }
    this.dtype = dtype
    this.shape = shape
    this.data = data
    if (classes && classes.length !== shape.at(-1)) {
      throw new RangeError(
        `a tensor of shape [${shape.join(', ')}] needs ${shape.at(-1)} classes, got ${classes.length}`,
      )
    }
    this.classes = classes
  }

  /**
   * Makes a tensor of nested arrays, e.g. `Tensor.from('float32', [[1, 2], [3, 4]])` of shape [2, 2]. Where floats are
   * asked for, `null` is NaN, unless the service says `"missing": "error"`.
   *
   * @throws ScoringError INPUT_RAGGED or INPUT_TYPE_MISMATCH, naming the element
   */
  static from(dtype: Dtype, nested: unknown, name = 'data'): Tensor {
    const { data, shape } = decodeNested(nested, { name, dtype, shape: undefined, takes: Tensor.takes })
    return new Tensor(dtype, data, shape)
  }

  /** Entries on the first axis; a scalar is one row. */
  get rowCount(): number {
    return this.shape[0] ?? 1
  }

  /**
   * Converts to nested arrays, row-major, as NumPy's `tolist()` does: numbers, BigInt for 64-bit integers, booleans, text. A
   * scalar is itself. Rows with `classes` are objects.
   */
  toList(): unknown {
    const { data, dtype } = this
    return nested(this, dtype === 'bool' ? index => data[index] !== 0 : index => data[index])
  }

  /**
   * Gives `JSON.stringify` the same with numbers spelt as the server spells them: floats keep `.0`, as Python's do, 64-bit
   * integers keep all their digits, and NaN is null.
   */
  toJSON(): unknown {
    const { data, dtype } = this
    if (!/^float|64$/.test(dtype)) return this.toList()
    const encodeElement = elementEncoder(dtype, 'null')
    return nested(this, index => rawJson(encodeElement(data[index] as never)))
  }
}

/** TypeScript does not know it yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): object }

function nested({ shape, classes }: Pick<Tensor, 'shape' | 'classes'>, elementAt: (index: number) => unknown): unknown {
  let next = 0
  const axis = (depth: number): unknown => {
    if (depth === shape.length) return elementAt(next++)
    if (classes && depth === shape.length - 1) return Object.fromEntries(classes.map(name => [name, elementAt(next++)]))
    return Array.from({ length: shape[depth] as number }, () => axis(depth + 1))
  }
  return axis(0)
}
