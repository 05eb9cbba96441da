import type { RowProof } from '../session/model-session.ts'
import { NotProven } from './not-proven.ts'
import type { Dimension, OnnxModel, OnnxValueInfo } from './onnx-model.ts'
import type { ReadExternal } from './onnx-tensor.ts'
import { UnreadableOnnx } from './protobuf.ts'
import { constant, type Rows, type Shape, type State, tensor } from './row-state.ts'
import { literal, one, rowCount, type SymbolTable, sameSize } from './symbolic-size.ts'
import { Tracer } from './trace-graph.ts'

interface ProofOptions {
  /** Reads small integer tensors in another file: shapes may lie there. */
  readonly readExternal?: ReadExternal
  /** The axis of each input that is the rows; undefined: this input is the same for all rows. All have axis 0 if absent. */
  readonly findRowAxis?: (input: string) => number | undefined
}

/**
 * Proves from the graph that row i of every output depends on row i of the inputs and on nothing else: one pass over the
 * nodes, one state a value, and no proof wherever no rule says so. Nothing is run, and what the file claims of shapes in
 * between is not trusted.
 *
 * The proof is of one run with as many rows in every input, at least one, and with one size for all axes of one name. The
 * caller checks that, and that the outputs have as many rows.
 */
export function proveRowIndependence(model: OnnxModel, options: ProofOptions = {}): RowProof {
  try {
    return prove(model, options)
  } catch (failure) {
    // The trace decodes constants, which may be malformed.
    if (failure instanceof UnreadableOnnx) return { kind: 'dependent', reason: failure.message }
    if (failure instanceof NotProven) return { kind: 'dependent', reason: `the graph ${failure.message}` }
    throw failure
  }
}

function prove(model: OnnxModel, { readExternal, findRowAxis = () => 0 }: ProofOptions): RowProof {
  const { graph } = model
  const defaults = new Set([...graph.initializers, ...graph.sparseInitializers].map(({ name }) => name))
  const sent = graph.inputs.filter(input => !defaults.has(input.name))
  const tracer = new Tracer(model, readExternal)
  const inputs = new Map<string, State>()
  const refusal = sent.length === 0 ? 'the model has no input' : refuseInputs(sent, findRowAxis)
  if (refusal) return { kind: 'dependent', reason: refusal }
  for (const input of sent) inputs.set(input.name, inputState(input, findRowAxis(input.name), tracer.symbols))

  const rowAxes = new Map<string, number>()
  for (const [index, state] of tracer.trace(inputs).entries()) {
    const name = graph.outputs[index]?.name ?? ''
    const axis = state.kind === 'mixed' ? state.reason : findRows(name, state)
    if (typeof axis === 'string') return { kind: 'dependent', reason: axis }
    rowAxes.set(name, axis)
  }
  if (rowAxes.size === 0) return { kind: 'dependent', reason: 'the model has no output' }
  return { kind: 'independent', inputs: sent.map(input => input.name), rowAxes }
}

/** @returns why the inputs as declared have no rows to join; undefined when they have */
function refuseInputs(
  inputs: readonly OnnxValueInfo[],
  findRowAxis: (input: string) => number | undefined,
): string | undefined {
  const rowNames = new Set<Dimension>()
  for (const { name, type } of inputs) {
    if (type?.kind !== 'tensor') return `input "${name}" is no dense tensor`
    const axis = findRowAxis(name)
    if (axis === undefined) continue
    if (!type.shape) return `input "${name}" declares no shape; export the model with an open batch axis`
    const rows = type.shape[axis]
    if (rows === undefined) return `input "${name}" has no axis of rows; export the model with an open batch axis`
    if (isFixed(rows))
      return `the ${axis === 0 ? 'first axis' : `axis ${axis}`} of input "${name}" has the fixed size ${rows}; export the model with an open batch axis`
    rowNames.add(rows)
  }
  for (const { name, type } of inputs) {
    if (type?.kind !== 'tensor') continue
    const again = type.shape?.find((size, axis) => axis !== findRowAxis(name) && isNamed(size) && rowNames.has(size))
    if (again !== undefined) return `input "${name}" has another axis named "${again}", as the axis of the rows is`
  }
  return undefined
}

function isFixed(size: Dimension): size is number {
  return typeof size === 'number' && size > 0
}

function isNamed(size: Dimension): size is string {
  return typeof size === 'string' && size !== ''
}

function inputState({ type }: OnnxValueInfo, rowAxis: number | undefined, symbols: SymbolTable): State {
  if (type?.kind !== 'tensor' || !type.shape) return constant()
  const shape: Shape = type.shape.map((size, axis) => {
    if (axis === rowAxis) return rowCount
    if (isFixed(size)) return literal(size)
    return isNamed(size) ? symbols.namedSize(size) : symbols.unknownSize()
  })
  return tensor(shape)
}

/** @returns the axis of the output's rows, or why it cannot be cut into rows */
function findRows(name: string, state: State): number | string {
  switch (state.kind) {
    case 'rows':
      return findTensorRows(name, state)
    case 'maps':
      return 0
    case 'list': {
      const axes = state.elements.map(element => (element.kind === 'rows' ? findTensorRows(name, element) : -1))
      if (axes.length > 0 && axes.every(axis => axis === 0)) return 0
      const reason = axes.find(axis => typeof axis === 'string')
      return reason ?? `output "${name}" is a list of values without rows on their first axis`
    }
    case 'rowCounts':
      return `output "${name}" is computed from the number of rows`
    default:
      return `output "${name}" does not depend on the rows`
  }
}

function findTensorRows(name: string, { shape, axis, pre, padding }: Rows): number | string {
  if (padding !== undefined) return `output "${name}" is as wide as its longest row needs`
  if (!sameSize(pre, one) || !sameSize(shape[axis] ?? one, rowCount))
    return `output "${name}" has several entries for each row along the axis of the rows`
  return axis
}
