import { NotProven } from './not-proven.ts'
import type { OnnxAttribute } from './onnx-attribute.ts'
import type { OnnxNode } from './onnx-model.ts'
import { type ReadExternal, tensorData } from './onnx-tensor.ts'
import type { Constant, Rows, Shape, State, TensorState } from './row-state.ts'
import { type Entry, usable } from './row-state.ts'
import { involvesRows, literalValue, type Size, type SymbolTable, sameSize } from './symbolic-size.ts'

/** A rule for an operator: from one call to the state of each output, or of the only one. */
export type Rule = (call: OperatorCall) => State | readonly State[]

interface CallContent {
  readonly node: OnnxNode
  /** The version of the operator set of the node's domain in this graph. */
  readonly opset: number
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (State | undefined)[]
  readonly symbols: SymbolTable
  /** Attributes of the enclosing function's call, to which the node's own may refer. */
  readonly outerAttributes: ReadonlyMap<string, OnnxAttribute>
  readonly isUsed: (output: string) => boolean
  readonly readExternal: ReadExternal | undefined
}

/** One node with the states of its inputs, as rules read it. */
export class OperatorCall {
  readonly node: OnnxNode
  readonly opset: number
  readonly inputs: readonly (State | undefined)[]
  readonly symbols: SymbolTable
  readonly #content: CallContent

  constructor(content: CallContent) {
    this.node = content.node
    this.opset = content.opset
    this.inputs = content.inputs
    this.symbols = content.symbols
    this.#content = content
  }

  get operator(): string {
    return this.node.operator
  }

  has(index: number): boolean {
    return this.inputs[index] !== undefined
  }

  /** @throws NotProven when the input is left out */
  state(index: number): State {
    const state = this.inputs[index]
    if (!state) throw new NotProven(`lacks its input ${index + 1}`)
    return state
  }

  /** @throws NotProven when the input is left out, a list, or the number of rows itself */
  tensor(index: number): TensorState {
    return this.#asTensor(this.state(index))
  }

  optionalTensor(index: number): TensorState | undefined {
    return this.has(index) ? this.tensor(index) : undefined
  }

  tensors(): TensorState[] {
    return this.inputs.flatMap(state => (state ? [this.#asTensor(state)] : []))
  }

  #asTensor(state: State): TensorState {
    if (state.kind === 'rowCounts') throw new NotProven('computes with the number of rows')
    if (state.kind !== 'constant' && state.kind !== 'rows')
      throw new NotProven('reads a list, for which there is no rule')
    if (state.kind === 'rows' && state.padding !== undefined)
      throw new NotProven('reads a list of words that is as long as the longest row needs')
    return state
  }

  /** @throws NotProven when the input depends on the rows; undefined when it is left out */
  constant(index: number, what: string): Constant | undefined {
    const state = this.optionalTensor(index)
    if (state?.kind === 'rows') throw new NotProven(`takes its ${what} from the rows`)
    return state
  }

  constants(...named: readonly (readonly [index: number, what: string])[]): void {
    for (const [index, what] of named) this.constant(index, what)
  }

  /** Reads an input that must lie row by row on `axis`. */
  rowsOn(index: number, axis: number, what: string): Rows {
    const state = this.tensor(index)
    if (state.kind !== 'rows' || state.axis !== axis) throw new NotProven(`has rows on another axis of its ${what}`)
    return state
  }

  /** Reads the integers of an input that is shape, bounds, repeats or sizes; undefined when they are not known. */
  sizes(index: number): readonly Size[] | undefined {
    const state = this.state(index)
    if (state.kind === 'rowCounts') return usable(state.content as readonly Entry[])
    return this.constant(index, 'sizes')?.content
  }

  /** Reads the integers of a constant input; undefined when they are not known or it is left out. */
  constantIntegers(index: number, what: string): number[] | undefined {
    return literalValues(this.constant(index, what)?.content)
  }

  // ---- attributes ----

  attribute(name: string): OnnxAttribute | undefined {
    const attribute = this.node.attributes.get(name)
    return attribute?.reference ? this.#content.outerAttributes.get(attribute.reference) : attribute
  }

  int(name: string): number | undefined
  int(name: string, ifAbsent: number): number
  int(name: string, ifAbsent?: number): number | undefined {
    const attribute = this.attribute(name)
    return attribute ? Number(attribute.int) : ifAbsent
  }

  ints(name: string): number[] | undefined {
    return this.attribute(name)?.ints.map(Number)
  }

  floats(name: string): number[] | undefined {
    return this.attribute(name)?.floats
  }

  text(name: string, ifAbsent: string): string {
    return this.attribute(name)?.string ?? ifAbsent
  }

  texts(name: string): string[] {
    return this.attribute(name)?.strings ?? []
  }

  // ---- outputs ----

  get outputCount(): number {
    return this.node.outputs.length
  }

  /** Whether a node, or the graph's outputs, reads that output. */
  isUsed(index: number): boolean {
    const name = this.node.outputs[index]
    return name !== undefined && name !== '' && this.#content.isUsed(name)
  }

  /** Reads the contents of a small tensor attribute; undefined when they cannot be read. */
  smallTensor(name: string) {
    const tensor = this.attribute(name)?.tensor
    return tensor && tensorData(tensor, this.#content.readExternal)
  }
}

/** @throws NotProven when the rank is not known */
export function knownShape(state: TensorState): Shape {
  if (!state.shape) throw new NotProven('has an operand of unknown rank')
  return state.shape
}

export function knownRank(state: TensorState): number {
  return knownShape(state).length
}

/** @throws NotProven when there is no such axis */
export function axisWithin(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis
  if (!(counted >= 0 && counted < rank)) throw new NotProven(`names axis ${axis} of ${rank}`)
  return counted
}

export function literalValues(content: readonly Size[] | undefined): number[] | undefined {
  const values = content?.map(literalValue)
  return values?.every(value => value !== undefined) ? (values as number[]) : undefined
}

/** @throws NotProven when the rows lie on that axis */
export function keepOffRows(state: TensorState, axis: number, does: string): void {
  if (state.kind === 'rows' && state.axis === axis) throw new NotProven(`${does} over the axis of the rows`)
}

/** @throws NotProven unless there are rows, on that axis */
export function expectRowsOn(state: TensorState, axis: number): void {
  if (state.kind === 'rows' && state.axis !== axis)
    throw new NotProven(`reads the axis of the rows as something else than its batch axis, ${axis}`)
}

/** @throws NotProven unless both have as many rows, in the same order */
export function expectSameRows(a: TensorState, b: TensorState): void {
  if (a.kind !== 'rows' || b.kind !== 'rows') throw new NotProven('combines rows with a constant of one length')
  const [rowsOfA, rowsOfB] = [a.shape[a.axis] as Size, b.shape[b.axis] as Size]
  if (!sameSize(rowsOfA, rowsOfB) || !sameSize(a.pre, b.pre))
    throw new NotProven('combines values whose rows lie in different orders')
}

/** Whether the tensor is a single number, of any rank. */
export function isScalar({ shape }: TensorState): boolean {
  return shape?.every(size => literalValue(size) === 1) ?? false
}

export function hasRows(size: Size | undefined): boolean {
  return size !== undefined && involvesRows(size)
}
