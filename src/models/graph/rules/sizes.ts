import { NotProven } from '../not-proven.ts'
import { knownShape, literalValues, type OperatorCall } from '../operator-call.ts'
import { type Entry, integers, type Shape, type State } from '../row-state.ts'
import {
  add,
  divide,
  involvesRows,
  literal,
  literalValue,
  multiply,
  one,
  type Size,
  type SymbolTable,
  sameSize,
} from '../symbolic-size.ts'

/** The largest contents that are followed, in entries. */
export const maxFollowedEntries = 4096

/**
 * Follows arithmetic on shapes symbol by symbol.
 *
 * @returns the result's entries, where every operand's are known; undefined where this operator or operand is not followed
 * @throws NotProven when a result of the number of rows is turned into a value that is no size
 */
export function followSizes(call: OperatorCall): State | undefined {
  if (call.operator === 'Shape' || call.operator === 'Size') return shapeOrSize(call)
  const follow = followed[call.operator]
  if (!follow) return undefined
  const operands = call.inputs.map(state => readContent(call.symbols, state))
  return operands.every(operand => operand !== undefined) ? follow(call, operands) : undefined
}

interface Operand {
  readonly shape: Shape
  readonly content: readonly Entry[]
}

/** Makes integers of unknown value symbols of their own. */
function readContent(symbols: SymbolTable, state: State | undefined): Operand | undefined {
  if (!state) return { shape: [], content: [] }
  if (state.kind === 'rowCounts') return state
  if (state.kind !== 'constant' || !state.shape || state.shape.length > 1 || state.floats) return undefined
  if (state.content) return { shape: state.shape, content: state.content }
  const count = literalValue(multiply(...state.shape))
  if (count === undefined || count > 64) return undefined
  return { shape: state.shape, content: Array.from({ length: count }, () => symbols.unknownValue()) }
}

function shapeOrSize(call: OperatorCall): State {
  const state = call.state(0)
  if (state.kind !== 'constant' && state.kind !== 'rows' && state.kind !== 'rowCounts')
    throw new NotProven('measures a list, for which there is no rule')
  if (state.kind === 'rows' && state.padding !== undefined) throw new NotProven('measures the longest row')
  const shape = state.kind === 'rowCounts' ? state.shape : knownShape(state)
  if (call.operator === 'Size') return integers([], [multiply(...shape)])
  const cut = shape.slice(call.int('start', 0), call.int('end'))
  return integers([literal(cut.length)], cut)
}

type Follow = (call: OperatorCall, operands: readonly Operand[]) => State | undefined

const followed: Readonly<Record<string, Follow>> = {
  Identity: (_, [data]) => data && integers(data.shape, data.content),
  Cast: (call, [data]) => {
    const isInteger = [6, 7].includes(call.int('to', 0))
    return isInteger && data ? integers(data.shape, data.content) : undefined
  },
  Neg: (_, [data]) =>
    data &&
    integers(
      data.shape,
      data.content.map(entry => usableOr(entry, negated)),
    ),
  Add: pairwise((a, b) => add(a, b)),
  Sub: pairwise((a, b) => add(a, b, -1)),
  Mul: pairwise((a, b) => multiply(a, b)),
  Div: pairwise(quotient),
  Mod: (call, operands) => (call.int('fmod', 0) === 0 ? pairwise(remainder)(call, operands) : undefined),
  Equal: pairwise(equality),
  Where: (call, [condition, yes, no]) => {
    if (!condition || !yes || !no) return undefined
    const shape = longest(condition, yes, no)
    if (!shape) return undefined
    const count = entryCount(shape)
    const content = Array.from({ length: count }, (_, index): Entry => {
      const chosen = at(condition, index)
      const [a, b] = [at(yes, index), at(no, index)]
      const value = chosen === 'unusable' ? undefined : literalValue(chosen)
      if (value !== undefined) return value !== 0 ? a : b
      if (a !== 'unusable' && b !== 'unusable' && sameSize(a, b)) return a
      return [chosen, a, b].some(entry => entry === 'unusable' || involvesRows(entry))
        ? 'unusable'
        : call.symbols.unknownValue()
    })
    return integers(shape, content)
  },
  ReduceProd: (call, [data, axes]) => {
    const isWhole = call.has(1) ? axes?.content.length === 1 : true
    if (!data || !isWhole || call.int('noop_with_empty_axes', 0) !== 0) return undefined
    const product = data.content.reduce<Entry>((total, entry) => both(total, entry, multiply) ?? 'unusable', one)
    return integers(call.int('keepdims', 1) !== 0 && data.shape.length === 1 ? [one] : [], [product])
  },
  Gather: (call, [data, indices]) => {
    if (data?.shape.length !== 1 || !indices || call.int('axis', 0) > 0) return undefined
    const positions = literalValues(indices.content.filter(entry => entry !== 'unusable'))
    if (!positions || positions.length !== indices.content.length) return undefined
    return integers(
      indices.shape,
      positions.map(position => data.content.at(position) ?? 'unusable'),
    )
  },
  Slice: (call, operands) => {
    const [data] = operands
    if (data?.shape.length !== 1) return undefined
    const argument = (index: number, name: string, ifAbsent: number | undefined) => {
      const given = call.opset < 10 && index < 4 ? call.ints(name)?.map(literal) : operands[index]?.content
      const [entry] = given ?? []
      if (entry === undefined) return ifAbsent
      return entry === 'unusable' ? undefined : literalValue(entry)
    }
    const [start, end, step] = [argument(1, 'starts', undefined), argument(2, 'ends', undefined), argument(4, '', 1)]
    if (start === undefined || end === undefined || step !== 1) return undefined
    const cut = data.content.slice(start, end)
    return integers([literal(cut.length)], cut)
  },
  Range: (_, operands) => {
    const [start, limit, step] = operands.map(({ content: [entry] }) =>
      entry && entry !== 'unusable' ? literalValue(entry) : undefined,
    )
    if (start === undefined || limit === undefined || !step) return undefined
    const count = Math.max(0, Math.ceil((limit - start) / step))
    if (count > maxFollowedEntries) return undefined
    const content = Array.from({ length: count }, (_, index) => literal(start + index * step))
    return integers([literal(count)], content)
  },
  Concat: (_, operands) => {
    if (!operands.every(operand => operand.shape.length === 1)) return undefined
    const content = operands.flatMap(operand => operand.content)
    return content.length > maxFollowedEntries ? undefined : integers([literal(content.length)], content)
  },
  Unsqueeze: (call, [data, axes]) => {
    const given = call.has(1) ? axes?.content.length : call.ints('axes')?.length
    return data?.shape.length === 0 && given === 1 ? integers([one], data.content) : undefined
  },
  Squeeze: (_, [data]) => {
    if (data?.content.length !== 1 || data.shape.length !== 1) return undefined
    return integers([], data.content)
  },
  Reshape: (call, [data, target]) => {
    const sizes =
      call.opset < 5 ? call.ints('shape') : literalValues(target?.content.filter(entry => entry !== 'unusable'))
    if (!data || !sizes) return undefined
    if (sizes.length === 0 && data.content.length === 1) return integers([], data.content)
    const [size = 0] = sizes
    const isSame = sizes.length === 1 && (size === -1 || size === data.content.length)
    return isSame ? integers([literal(data.content.length)], data.content) : undefined
  },
}

function pairwise(combine: (a: Size, b: Size) => Size | undefined): Follow {
  return (call, [a, b]) => {
    if (!a || !b) return undefined
    const shape = longest(a, b)
    if (!shape) return undefined
    const content = Array.from({ length: entryCount(shape) }, (_, index): Entry => {
      const [left, right] = [at(a, index), at(b, index)]
      return both(left, right, combine) ?? call.symbols.unknownValue()
    })
    return integers(shape, content)
  }
}

/** @returns undefined for a result that is not known but does not depend on the number of rows */
function both(a: Entry, b: Entry, combine: (a: Size, b: Size) => Size | undefined): Entry | undefined {
  if (a === 'unusable' || b === 'unusable') return 'unusable'
  const result = combine(a, b)
  if (result) return result
  return involvesRows(a) || involvesRows(b) ? 'unusable' : undefined
}

function usableOr(entry: Entry, change: (size: Size) => Size): Entry {
  return entry === 'unusable' ? entry : change(entry)
}

function negated(size: Size): Size {
  return multiply(literal(-1), size)
}

/** Integers are divided towards zero. */
function quotient(a: Size, b: Size): Size | undefined {
  const [left, right] = [literalValue(a), literalValue(b)]
  if (left !== undefined && right !== undefined) return right === 0 ? undefined : literal(Math.trunc(left / right))
  return divide(a, b)
}

/** The remainder has the sign of the divisor. */
function remainder(a: Size, b: Size): Size | undefined {
  const [left, right] = [literalValue(a), literalValue(b)]
  if (left === undefined || right === undefined || right === 0) return undefined
  return literal(((left % right) + right) % right)
}

/** A length is never negative. */
function equality(a: Size, b: Size): Size | undefined {
  if (sameSize(a, b)) return literal(1)
  const [left, right] = [literalValue(a), literalValue(b)]
  if (left !== undefined && right !== undefined) return literal(0)
  const isLengthAgainstNegative = (size: Size, value: number | undefined) =>
    value !== undefined && value < 0 && size.factor > 0 && size.symbols.every(symbol => !symbol.startsWith('value '))
  return isLengthAgainstNegative(a, right) || isLengthAgainstNegative(b, left) ? literal(0) : undefined
}

/** Broadcasts shapes of rank 0 and 1; undefined when they do not fit. */
function longest(...operands: readonly Operand[]): Shape | undefined {
  const vectors = operands.filter(operand => operand.shape.length === 1)
  const count = Math.max(0, ...vectors.map(operand => operand.content.length))
  if (vectors.some(operand => operand.content.length !== count && operand.content.length !== 1)) return undefined
  return vectors.length === 0 ? [] : [literal(count)]
}

function entryCount(shape: Shape): number {
  return literalValue(multiply(...shape)) ?? 0
}

function at({ content }: Operand, index: number): Entry {
  return content[content.length === 1 ? 0 : index] ?? 'unusable'
}
