import { NotProven } from './not-proven.ts'
import { constant, product, type Shape, type TensorState, tensorOfBlocks } from './row-state.ts'
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
 * Returns the shape that a Reshape makes: 0 copies the size on the same axis (unless `isZeroMeant`), −1 takes the rest.
 *
 * If the totals differ only by an open size against a number, the size is bound to that number (otherwise the run fails, with
 * any number of rows): exporters that trace write the sequence length of their example into the target.
 *
 * @throws NotProven when −1 takes part of the rows
 */
export function resolveTarget(symbols: SymbolTable, shape: Shape, target: Shape, isZeroMeant: boolean): Shape {
  const total = product(shape)
  const sizes = target.map((size, axis) => (isLiteral(size, 0) && !isZeroMeant ? copied(shape, axis) : size))
  const inferred = sizes.findIndex(size => isLiteral(size, -1))
  if (inferred < 0) {
    bindDifference(symbols, total, product(sizes))
    return sizes.map(size => symbols.resolve(size))
  }
  const others = product(sizes.toSpliced(inferred, 1))
  const rest = divide(total, others)
  if (rest) return sizes.with(inferred, rest)
  // The number of rows cancels out, so the rest does not depend on it.
  if (involvesRows(others) || !involvesRows(total)) return sizes.with(inferred, symbols.unknownSize())
  throw new NotProven('may split a row into another number of parts than it joins')
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
 * Reshapes a tensor. The outer axes before the rows have `blocks` entries; a target whose axes before the rows have as many
 * entries, or a divisor of them, keeps the entries of each row together in the same order.
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
