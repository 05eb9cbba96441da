import { covers, mergeStates } from './merge-states.ts'
import { NotProven } from './not-proven.ts'
import type { OnnxGraph } from './onnx-model.ts'
import { axisWithin, knownShape, literalValues, type OperatorCall } from './operator-call.ts'
import {
  type Constant,
  constant,
  type Rows,
  type State,
  type TensorState,
  tensor,
  tensorOfBlocks,
} from './row-state.ts'
import { involvesRows, literal, one, type Size } from './symbolic-size.ts'

/** Traces an inner graph with these states as its inputs. */
type TraceGraph = (graph: OnnxGraph, inputs: readonly State[]) => readonly State[]

/** The tools with which a rule follows the inner graphs of a call. */
interface InnerGraphs {
  readonly trace: TraceGraph
  /** Whether the graph reads a value from outside that has rows. */
  readonly readsRows: (graph: OnnxGraph) => boolean
}

export const controlFlow: Readonly<Record<string, (call: OperatorCall, graphs: InnerGraphs) => readonly State[]>> = {
  If: branch,
  Loop: loop,
  Scan: scan,
}

/** Takes the state of the branch that runs, when that is known; else what is true of both. */
function branch(call: OperatorCall, { trace }: InnerGraphs): readonly State[] {
  const condition = call.constant(0, 'condition')
  const [yes, no] = [innerGraph(call, 'then_branch'), innerGraph(call, 'else_branch')]
  const [value] = literalValues(condition?.content) ?? []
  if (value !== undefined) return trace(value !== 0 ? yes : no, [])
  const [ofYes, ofNo] = [yes, no].map(graph => call.symbols.scoped(() => trace(graph, [])))
  if (!ofYes || ofYes.length !== ofNo?.length) throw new NotProven('has branches with different outputs')
  return ofYes.map((state, index) => mergeStates(call.symbols, state, ofNo[index] as State))
}

/** The inputs are the number of rounds, whether there is a first one, then the values carried from round to round. */
function loop(call: OperatorCall, { trace }: InnerGraphs): readonly State[] {
  const rounds = call.constant(0, 'number of rounds')
  call.constant(1, 'condition')
  const body = innerGraph(call, 'body')
  const carried = call.inputs.slice(2).map((_, index) => call.tensor(index + 2))
  const outputs = call.symbols.scoped(() =>
    settle(call, carried, states => {
      const [condition, ...rest] = trace(body, [constant([]), constant([]), ...states])
      expectConstant(condition, 'condition')
      return { carried: rest.slice(0, carried.length), perRound: rest.slice(carried.length) }
    }),
  )
  const [count] = literalValues(rounds?.content) ?? []
  // The condition may end it early.
  const length = count === 0 ? literal(0) : call.symbols.unknownSize()
  return [...outputs.carried, ...outputs.perRound.map(state => stacked(state, 0, length))]
}

/** Scan runs along an axis of its inputs (from opset 9 on); the carried values come first, then those it runs along. */
function scan(call: OperatorCall, { trace, readsRows }: InnerGraphs): readonly State[] {
  if (call.opset < 9) throw new NotProven('is of an operator set before 9')
  const body = innerGraph(call, 'body')
  const scannedCount = call.int('num_scan_inputs', 0)
  const carriedCount = call.inputs.length - scannedCount
  const carried = call.inputs.slice(0, carriedCount).map((_, index) => call.tensor(index))
  const scanned = call.inputs.slice(carriedCount).map((_, index) => call.tensor(carriedCount + index))
  const axes = scanned.map((state, index) =>
    axisWithin(call.ints('scan_input_axes')?.[index] ?? 0, knownShape(state).length),
  )
  const outputAxis = (index: number) => call.ints('scan_output_axes')?.[index] ?? 0
  const stack = (state: State, index: number, length: Size, pre: Size = one) =>
    stacked(state, outputAxis(index), length, pre)
  const alongRows = scanned.filter((state, index): state is Rows => state.kind === 'rows' && state.axis === axes[index])
  const first = alongRows[0]
  if (first) {
    const isForward = [
      ...(call.ints('scan_input_directions') ?? []),
      ...(call.ints('scan_output_directions') ?? []),
    ].every(direction => direction === 0)
    if (!isForward) throw new NotProven('runs along the rows backwards')
    if (alongRows.length !== scanned.length) throw new NotProven('scans the rows together with another axis')
    if (carried.some(state => state.kind !== 'constant') || readsRows(body) || !handsOnUnchanged(body, carriedCount))
      throw new NotProven('carries a state from row to row')
    const slices = scanned.map((state, index) => constant(knownShape(state).toSpliced(axes[index] as number, 1)))
    const outputs = call.symbols.scoped(() => trace(body, [...carried, ...slices]))
    const rows = first.shape[first.axis] as Size
    return [...carried, ...outputs.slice(carriedCount).map((state, index) => stack(state, index, rows, first.pre))]
  }
  const slices = scanned.map((state, index) => tensor(knownShape(state).toSpliced(axes[index] as number, 1), state))
  const outputs = call.symbols.scoped(() =>
    settle(call, carried, states => {
      const all = trace(body, [...states, ...slices])
      return { carried: all.slice(0, carriedCount), perRound: all.slice(carriedCount) }
    }),
  )
  const length = scanned.map((state, index) => knownShape(state)[axes[index] as number])[0]
  return [
    ...outputs.carried,
    ...outputs.perRound.map((state, index) => stack(state, index, length ?? call.symbols.unknownSize())),
  ]
}

interface Round {
  readonly carried: readonly State[]
  readonly perRound: readonly State[]
}

/** Traces rounds until the state that is carried into one holds for what comes out of it. */
function settle(call: OperatorCall, first: readonly TensorState[], round: (states: readonly State[]) => Round): Round {
  let states: readonly State[] = first.map(withoutValues)
  const open = new Set<Size>()
  for (let attempt = 0; attempt < 4; attempt++) {
    const outcome = round(states)
    if (outcome.carried.length !== states.length) throw new NotProven('carries another number of values out than in')
    const failed = outcome.carried.find(state => state.kind === 'mixed')
    if (failed?.kind === 'mixed') throw new NotProven(failed.reason, true)
    if (states.every((state, index) => covers(state, outcome.carried[index] as State, open)))
      return { ...outcome, carried: states }
    const before = states
    states = states.map((state, index) => mergeStates(call.symbols, state, outcome.carried[index] as State))
    for (const [index, state] of states.entries())
      for (const size of newSizes(before[index] as State, state)) open.add(size)
  }
  throw new NotProven('carries values whose shapes keep changing')
}

/** Drops the contents of a carried value, which change from round to round. */
function withoutValues(state: TensorState): TensorState {
  return state.kind === 'constant' ? constant(state.shape) : state
}

function newSizes(before: State, after: State): readonly Size[] {
  if (!('shape' in before) || !('shape' in after)) return []
  return (after.shape ?? []).filter((size, axis) => size !== before.shape?.[axis])
}

/** Stacks what each round gives along a new axis. */
function stacked(state: State, axis: number, length: Size, pre: Size = one): State {
  if (state.kind === 'mixed') return state
  if (state.kind !== 'constant' && state.kind !== 'rows') throw new NotProven('computes with the number of rows')
  if (state.kind === 'rows' && state.padding !== undefined) throw new NotProven('collects lists of words')
  if (!state.shape) {
    if (involvesRows(length)) throw new NotProven('collects values of unknown rank')
    return constant()
  }
  const shape = state.shape.toSpliced(axisWithin(axis, state.shape.length + 1), 0, length)
  return state.kind === 'rows' ? tensor(shape, state) : tensorOfBlocks(shape, involvesRows(length) ? pre : one)
}

function handsOnUnchanged(body: OnnxGraph, count: number): boolean {
  const findSource = (name: string): string => {
    const copy = body.nodes.find(node => node.operator === 'Identity' && node.domain === '' && node.outputs[0] === name)
    return copy?.inputs[0] ?? name
  }
  return body.inputs.slice(0, count).every((input, index) => findSource(body.outputs[index]?.name ?? '') === input.name)
}

function expectConstant(state: State | undefined, what: string): asserts state is Constant {
  if (state?.kind === 'mixed') throw new NotProven(state.reason, true)
  if (state?.kind !== 'constant') throw new NotProven(`takes its ${what} from the rows`)
}

function innerGraph(call: OperatorCall, name: string): OnnxGraph {
  const graph = call.attribute(name)?.graph
  if (!graph) throw new NotProven(`lacks its ${name}`)
  return graph
}
