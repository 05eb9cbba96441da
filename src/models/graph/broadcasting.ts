import { NotProven } from './not-proven.ts'
import { knownShape, type OperatorCall } from './operator-call.ts'
import { constant, type Shape, type TensorState, tensor } from './row-state.ts'
import { involvesRows, isLiteral, literalValue, one, type Size, type SymbolTable, sameSize } from './symbolic-size.ts'

/**
 * Broadcasts shapes, with axes aligned from the right (ONNX, "Multidirectional Broadcasting").
 *
 * @throws NotProven where the number of rows meets anything but itself, a 1 or nothing: a constant of 3 against the rows
 *   runs with 1 or 3 rows only, and rows on two axes are every row against every other
 */
export function broadcastShapes(symbols: SymbolTable, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map(shape => shape.length))
  return Array.from({ length: rank }, (_, axis) =>
    shapes
      .map(shape => shape[axis - rank + shape.length] ?? one)
      .reduce((together, size) => broadcastSizes(symbols, together, size), one),
  )
}

function broadcastSizes(symbols: SymbolTable, a: Size, b: Size): Size {
  if (sameSize(a, b) || isLiteral(b, 1)) return a
  if (isLiteral(a, 1)) return b
  if (involvesRows(a) || involvesRows(b)) throw new NotProven('combines the rows with a value of another length')
  // Where a number meets an open size, the open one is 1 or that number too.
  if (literalValue(a) !== undefined) return a
  if (literalValue(b) !== undefined) return b
  return symbols.unknownSize()
}

/** The rule for operators that work elementwise on all inputs. */
export function broadcast(call: OperatorCall): TensorState {
  return broadcastStates(call.symbols, call.tensors())
}

export function broadcastStates(symbols: SymbolTable, states: readonly TensorState[]): TensorState {
  if (states.every(state => state.kind === 'constant') && states.some(state => !state.shape)) return constant()
  return tensor(broadcastShapes(symbols, states.map(knownShape)), ...states)
}

/**
 * The rule for elementwise operators from before they aligned axes from the right (up to opset `lastUnaligned`): they
 * stretched operands by rules of their own, so only equal shapes are safe.
 */
export function broadcastSince(lastUnaligned: number): (call: OperatorCall) => TensorState {
  return call => {
    if (call.opset <= lastUnaligned) {
      const [first, ...others] = call.tensors().map(knownShape)
      const isEqual = (shape: Shape) =>
        shape.length === first?.length && shape.every((size, axis) => sameSize(size, first[axis] as Size))
      if (!others.every(isEqual))
        throw new NotProven(`stretches its operands as operator sets up to ${lastUnaligned} do`)
    }
    return broadcast(call)
  }
}
