import { elementEncoder } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { invalidInput } from './invalid-input.ts'

/**
 * Chooses the classes with the highest scores.
 *
 * @param scores   shape [rows, ...classes], or [...classes] without rows; the last axis may have names
 * @param hasRows  whether the first axis is that of the rows
 * @param count    how many classes of each row; all where it has fewer
 * @returns texts `value:index` or `value:index:label`, best first; shape [rows, count], or [count] without rows
 * @throws ScoringError INPUT_INVALID
 */
export function classify(name: string, scores: Tensor, hasRows: boolean, count: number): Tensor {
  const { dtype, data, shape, classes } = scores
  if (dtype === 'string') {
    throw invalidInput(`output ${JSON.stringify(name)} has texts, which cannot be classified`)
  }
  if (!Number.isSafeInteger(count) || count < 1) {
    throw invalidInput(`output ${JSON.stringify(name)}: "classification" must be 1 or more`)
  }
  // A script may answer rows with a single number.
  const isByRow = hasRows && shape.length > 0
  const rowCount = isByRow ? (shape[0] as number) : 1
  const size = rowCount === 0 ? 0 : data.length / rowCount
  const top = Math.min(count, size)
  const labels = classes?.length === size ? classes : undefined
  const encode = dtype === 'bool' ? String : elementEncoder(dtype, 'literal')
  const texts: string[] = []
  for (let row = 0; row < rowCount; row++) {
    for (const index of rank(data as ArrayLike<number>, row * size, size, top)) {
      const text = `${encode(data[row * size + index] as never)}:${index}`
      texts.push(labels ? `${text}:${labels[index]}` : text)
    }
  }
  return new Tensor('string', texts, isByRow ? [rowCount, top] : [top])
}

/** Few classes of many are found without sorting all. */
const sortedAtOnce = 1024

/** Indexes of the `top` highest scores, best first; of equal ones the lower index comes first, and NaN comes last. */
function rank(data: ArrayLike<number | bigint>, offset: number, size: number, top: number): number[] {
  const compare = (one: number, other: number): number => {
    const a = data[offset + one] as number
    const b = data[offset + other] as number
    if (a > b) return -1
    if (a < b) return 1
    return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  }
  const best: number[] = []
  let worst: number | undefined
  for (let index = 0; index < size; index++) {
    if (worst !== undefined && compare(index, worst) >= 0) continue
    if (best.push(index) < top + sortedAtOnce) continue
    best.sort(compare).length = top
    worst = best.at(-1)
  }
  return best.sort(compare).slice(0, top)
}
