import { NotProven } from './not-proven.ts'
import {
  divide,
  involvesRows,
  isLiteral,
  multiply,
  one,
  rowCount,
  type Size,
  type SymbolTable,
  sameSize,
} from './symbolic-size.ts'

export type Shape = readonly Size[]

/** The state of one value in the graph: what is known of it. */
export type State = Constant | Rows | RowCounts | List | Maps | Mixed

/** Depends neither on the rows' content nor on their number; on other sizes of the request it may. */
export interface Constant {
  readonly kind: 'constant'
  /** Undefined when not even the rank is known. */
  readonly shape: Shape | undefined
  /** Small integer or boolean contents, row-major. */
  readonly content?: readonly Size[]
  /** Small floating-point contents. */
  readonly floats?: readonly number[]
}

/**
 * Per row: one axis has the length `pre · N · m` (in memory order: `pre` blocks, in each N rows, in each `m` entries), and
 * the entries of row i depend on row i only.
 */
export interface Rows {
  readonly kind: 'rows'
  readonly shape: Shape
  readonly axis: number
  readonly pre: Size
  /** The last axis is as long as the longest row needs; shorter rows end in this text. */
  readonly padding?: string
}

/** An integer tensor of rank 0 or 1 with the number of rows in some entry. */
interface RowCounts {
  readonly kind: 'rowCounts'
  readonly shape: Shape
  readonly content: readonly Entry[]
}

/** A size; 'unusable' is computed from the number of rows in a way that cannot be followed. */
export type Entry = Size | 'unusable'

/** A sequence of known length. */
export interface List {
  readonly kind: 'list'
  readonly elements: readonly State[]
}

/** A sequence of one map a row. */
interface Maps {
  readonly kind: 'maps'
}

/** There is no proof. Every value that is computed from it is mixed too. */
interface Mixed {
  readonly kind: 'mixed'
  /** A whole sentence without a full stop, which names the node. */
  readonly reason: string
}

export type TensorState = Constant | Rows

export function constant(shape?: Shape, content?: readonly Size[]): Constant {
  return { kind: 'constant', shape, content }
}

/**
 * Makes the state of an operator's result: a tensor of that shape, whose blocks are those of its operands.
 *
 * @throws NotProven when the number of rows stands on two axes, or the operands' rows lie in different orders
 */
export function tensor(shape: Shape, ...operands: readonly (State | undefined)[]): TensorState {
  const pres = operands.flatMap(operand => (operand?.kind === 'rows' ? [operand.pre] : []))
  const [pre = one] = pres
  if (!pres.every(other => sameSize(other, pre)))
    throw new NotProven('combines values whose rows lie in different orders')
  return tensorOfBlocks(shape, pre)
}

/** Makes the same state as `tensor`, for rows that lie in `pre` blocks. */
export function tensorOfBlocks(shape: Shape, pre: Size): TensorState {
  const axes = shape.flatMap((size, axis) => (involvesRows(size) ? [axis] : []))
  if (axes.length === 0) return constant(shape)
  const [axis = 0] = axes
  const perBlock = divide(shape[axis] as Size, multiply(pre, rowCount))
  if (axes.length > 1 || !perBlock || involvesRows(perBlock) || isLiteral(perBlock, 0))
    throw new NotProven('compares or pairs every row with the others')
  return { kind: 'rows', shape, axis, pre }
}

/** Makes the state of an integer vector or scalar: row counts if the number of rows is in it, else a constant. */
export function integers(shape: Shape, content: readonly Entry[]): Constant | RowCounts {
  const isKnown = content.every(entry => entry !== 'unusable' && !involvesRows(entry))
  return isKnown ? constant(shape, content as readonly Size[]) : { kind: 'rowCounts', shape, content }
}

/** The entries that are sizes; @throws NotProven when one cannot be followed */
export function usable(content: readonly Entry[]): readonly Size[] {
  if (content.includes('unusable')) throw new NotProven('computes with the number of rows')
  return content as readonly Size[]
}

/** Replaces every size in `state` that is known to be a number by now. */
export function resolveState<Resolved extends State>(symbols: SymbolTable, state: Resolved): Resolved
export function resolveState(symbols: SymbolTable, state: State): State {
  if (!symbols.hasNumbers) return state
  const resolved = (sizes: readonly Size[]) => sizes.map(size => symbols.resolve(size))
  switch (state.kind) {
    case 'constant':
      return {
        ...state,
        shape: state.shape && resolved(state.shape),
        content: state.content && resolved(state.content),
      }
    case 'rows':
      return { ...state, shape: resolved(state.shape), pre: symbols.resolve(state.pre) }
    case 'rowCounts':
      return { ...state, content: state.content.map(entry => (entry === 'unusable' ? entry : symbols.resolve(entry))) }
    case 'list':
      return { ...state, elements: state.elements.map(element => resolveState(symbols, element)) }
    default:
      return state
  }
}
