import { NotProven } from '../not-proven.ts'
import {
  axisWithin,
  expectSameRows,
  keepOffRows,
  knownRank,
  knownShape,
  type OperatorCall,
  type Rule,
} from '../operator-call.ts'
import { type List, type State, type TensorState, tensor, tensorOfBlocks } from '../row-state.ts'
import { add, divide, literal, literalValue, multiply, one, type Size, type SymbolTable } from '../symbolic-size.ts'

/** Operators that join tensors along an axis, or cut one; also those that do so by way of a list. */
export const joiningRules: Readonly<Record<string, Rule>> = {
  Concat: call => concat(call.symbols, call.tensors(), call.int('axis', 1)),
  Split: split,
  SequenceConstruct: call => ({ kind: 'list', elements: call.inputs.flatMap(state => (state ? [state] : [])) }),
  SequenceAt: sequenceAt,
  ConcatFromSequence: concatFromSequence,
}

export function concat(symbols: SymbolTable, parts: readonly TensorState[], axis: number): TensorState {
  const shapes = parts.map(knownShape)
  const [first = []] = shapes
  const along = axisWithin(axis, first.length)
  const rows = parts.find(part => part.kind === 'rows')
  if (rows) {
    for (const part of parts) {
      expectSameRows(rows, part)
      if (part.kind === 'rows' && (part.axis !== rows.axis || part.shape.length !== first.length))
        throw new NotProven('has the rows of its operands on different axes')
    }
    // The rows of each operand, one operand after the other, are so many blocks of rows.
    if (rows.axis === along) {
      const count = literal(parts.length)
      return tensorOfBlocks(first.with(along, multiply(count, first[along] ?? one)), multiply(count, rows.pre))
    }
  }
  const sum = shapes
    .map(shape => shape[along] ?? one)
    .reduce<Size | undefined>((total, size) => total && add(total, size), literal(0))
  const others = first.map((_, index) =>
    index === along
      ? one
      : (shapes.map(shape => shape[index]).find(size => size && literalValue(size) !== undefined) ?? first[index]),
  ) as Size[]
  return tensor(others.with(along, sum ?? symbols.unknownSize()), ...parts)
}

function split(call: OperatorCall): readonly State[] {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const axis = axisWithin(call.int('axis', 0), shape.length)
  keepOffRows(data, axis, 'cuts')
  const given = call.has(1) ? call.constantIntegers(1, 'sizes') : call.ints('split')
  const whole = shape[axis] as Size
  const parts = call.int('num_outputs', call.outputCount)
  const readSize = (index: number): Size => {
    if (given) return literal(given[index] ?? 0)
    if (call.has(1)) return call.symbols.unknownSize()
    const length = literalValue(whole)
    if (length === undefined) return divide(whole, literal(parts)) ?? call.symbols.unknownSize()
    const even = Math.ceil(length / parts)
    return literal(index < parts - 1 ? even : length - even * (parts - 1))
  }
  return Array.from({ length: call.outputCount }, (_, index) => tensor(shape.with(axis, readSize(index)), data))
}

function sequenceAt(call: OperatorCall): State {
  const list = listElements(call)
  const [position] = call.constantIntegers(1, 'position') ?? []
  const element = position === undefined ? undefined : list.elements.at(position)
  if (!element) throw new NotProven('picks from a list at a position that is not known')
  return element
}

function concatFromSequence(call: OperatorCall): State {
  const parts = listElements(call).elements.map(element => {
    if (element.kind !== 'rows' && element.kind !== 'constant') throw new NotProven('computes with the number of rows')
    return element
  })
  const axis = call.int('axis', 0)
  if (call.int('new_axis', 0) === 0) return concat(call.symbols, parts, axis)
  const along = axisWithin(axis, knownRank(parts[0] as TensorState) + 1)
  return concat(
    call.symbols,
    parts.map(part => tensor(knownShape(part).toSpliced(along, 0, one), part)),
    along,
  )
}

function listElements(call: OperatorCall): List {
  const list = call.state(0)
  if (list.kind !== 'list' || list.elements.length === 0) throw new NotProven('reads a list that is not known')
  return list
}
