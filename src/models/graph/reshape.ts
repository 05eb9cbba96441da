import { NotProven } from './not-proven.ts'
import { constant, type Shape, type TensorState, tensorOfBlocks } from './row-state.ts'
import {
  cancel,
  divide,
  involvesRows,
  isLiteral,
  literalValue,
  multiply,
  rowCount,
  type Size,
  type SymbolTable,
} from './symbolic-size.ts'

/**
 * Computes the shape that a Reshape makes: 0 copies the size at its position (unless `isZeroMeant`), −1 takes what is left.
 *
 * Where the totals differ only by one open size against a number, that size is the number from here on (else the run fails,
 * with one row as with many): exporters that trace write the sequence length of their example into the target.
 *
 * @throws NotProven when −1 takes part of the rows
 */
export function resolveTarget(symbols: SymbolTable, shape: Shape, target: Shape, isZeroMeant: boolean): Shape {
  const total = multiply(...shape)
  const sizes = target.map((size, axis) => (isLiteral(size, 0) && !isZeroMeant ? copied(shape, axis) : size))
  const inferred = sizes.findIndex(size => isLiteral(size, -1))
  if (inferred < 0) {
    bindDifference(symbols, total, multiply(...sizes))
    return sizes.map(size => symbols.resolve(size))
  }
  const others = multiply(...sizes.toSpliced(inferred, 1))
  const rest = divide(total, others)
  if (rest) return sizes.with(inferred, rest)
  // The number of rows is on both sides and cancels out; what is left does not depend on it.
  if (involvesRows(others) || !involvesRows(total)) return sizes.with(inferred, symbols.unknownSize())
  throw new NotProven('may cut a row into another number of pieces than it joins')
}

function copied(shape: Shape, axis: number): Size {
  const size = shape[axis]
  if (!size) throw new NotProven('copies a size that its input does not have')
  return size
}

function bindDifference(symbols: SymbolTable, total: Size, target: Size): void {
  if (isLiteral(total, 0) || isLiteral(target, 0)) return
  const { left, right } = cancel(total, target)
  for (const [open, number] of [
    [left, right],
    [right, left],
  ] as const) {
    const value = literalValue(number)
    const symbol = { factor: 1, symbols: open.symbols }
    if (value !== undefined && symbols.isOpenLength(symbol) && value % open.factor === 0)
      symbols.bind(symbol, value / open.factor)
  }
}

/**
 * Reads the same entries as another shape. `blocks` entries of the outer axes precede the rows; a target in which as many,
 * or a whole divisor of them, precede the rows' axis keeps each row's entries together in the same order.
 *
 * @throws NotProven when a row's entries would be joined with another's
 */
export function reshapeTensor(data: TensorState, shape: Shape): TensorState {
  if (data.kind === 'constant') return constant(shape, data.content)
  const axes = shape.flatMap((size, axis) => (involvesRows(size) ? [axis] : []))
  const [axis = 0] = axes
  const mixes = new NotProven('moves entries of one row to another (by the shape that it makes)')
  if (axes.length !== 1) throw mixes
  const blocks = multiply(...data.shape.slice(0, data.axis), data.pre)
  const pre = divide(blocks, multiply(...shape.slice(0, axis)))
  if (!pre || involvesRows(pre)) throw mixes
  const perBlock = divide(shape[axis] as Size, multiply(pre, rowCount))
  if (!perBlock || involvesRows(perBlock)) throw mixes
  return tensorOfBlocks(shape, pre)
}
