import { NotProven } from './not-proven.ts'
import { type Constant, constant, type Shape, type State } from './row-state.ts'
import { involvesRows, type Size, type SymbolTable, sameSize } from './symbolic-size.ts'

/**
 * Merges the states of a value that is either `a` or `b`, as a branch or the round of a loop decides.
 *
 * @throws NotProven when only one has rows, or they have them elsewhere
 */
export function mergeStates(symbols: SymbolTable, a: State, b: State): State {
  if (a.kind === 'mixed' || b.kind === 'mixed') return a.kind === 'mixed' ? a : b
  if (a.kind === 'constant' && b.kind === 'constant') return mergeConstants(symbols, a, b)
  if (a.kind === 'maps' && b.kind === 'maps') return a
  if (a.kind === 'rows' && b.kind === 'rows') {
    const [rowsOfA, rowsOfB] = [a.shape[a.axis] as Size, b.shape[b.axis] as Size]
    const isAlike = a.axis === b.axis && a.padding === b.padding && sameSize(a.pre, b.pre) && sameSize(rowsOfA, rowsOfB)
    const shape = mergeShapes(symbols, a.shape, b.shape)
    if (isAlike && shape) return { ...a, shape }
  }
  if (a.kind === 'rowCounts' && b.kind === 'rowCounts') {
    const isAlike =
      a.shape.length === b.shape.length &&
      a.content.length === b.content.length &&
      a.content.every((entry, index) => {
        const other = b.content[index]
        return entry !== 'unusable' && other !== undefined && other !== 'unusable' && sameSize(entry, other)
      })
    if (isAlike) return a
  }
  if (a.kind === 'list' && b.kind === 'list' && a.elements.length === b.elements.length)
    return {
      kind: 'list',
      elements: a.elements.map((element, index) => mergeStates(symbols, element, b.elements[index] as State)),
    }
  throw new NotProven('has its rows on different axes in different branches or iterations')
}

function mergeConstants(symbols: SymbolTable, a: Constant, b: Constant): Constant {
  const shape = a.shape && b.shape && mergeShapes(symbols, a.shape, b.shape)
  const isSame =
    a.content?.length === b.content?.length &&
    a.content?.every((size, index) => sameSize(size, b.content?.[index] as Size)) === true
  return constant(shape, isSame ? a.content : undefined)
}

/** Merges shapes: sizes that differ become unknown; undefined when the ranks differ. */
function mergeShapes(symbols: SymbolTable, a: Shape, b: Shape): Shape | undefined {
  if (a.length !== b.length) return undefined
  return a.map((size, axis) => (sameSize(size, b[axis] as Size) ? size : symbols.unknownSize()))
}

/**
 * Whether everything that `general` says is true of `special` too, where a size that is in `open` may be any that does not
 * depend on the rows.
 */
export function covers(general: State, special: State, open: ReadonlySet<Size>): boolean {
  if (general.kind === 'constant' && special.kind === 'constant') {
    const isShape = !general.shape || (special.shape !== undefined && coversShape(general.shape, special.shape, open))
    const isContent =
      !general.content ||
      (special.content?.length === general.content.length &&
        general.content.every((size, index) => sameSize(size, special.content?.[index] as Size)))
    return isShape && isContent && !general.floats
  }
  if (general.kind === 'rows' && special.kind === 'rows')
    return (
      general.axis === special.axis &&
      general.padding === special.padding &&
      sameSize(general.pre, special.pre) &&
      coversShape(general.shape, special.shape, open)
    )
  return false
}

function coversShape(general: Shape, special: Shape, open: ReadonlySet<Size>): boolean {
  if (general.length !== special.length) return false
  return general.every((size, axis) => {
    const other = special[axis] as Size
    return sameSize(size, other) || (open.has(size) && !involvesRows(other))
  })
}
