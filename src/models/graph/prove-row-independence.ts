import { NotProven } from './not-proven.ts'
import type { Dimension, OnnxModel, OnnxValueInfo } from './onnx-model.ts'
import type { ReadExternal } from './onnx-tensor.ts'
import { UnreadableOnnx } from './protobuf.ts'
import { constant, type Rows, type Shape, type State, tensor } from './row-state.ts'
import { type RuleTable, ruleTable } from './rule-table.ts'
import { literal, one, rowCount, type SymbolTable, sameSize } from './symbolic-size.ts'
import { Tracer } from './trace-graph.ts'

/** Whether rows of several requests may share a run of the model, and be split again. */
export type RowIndependence =
  | {
      readonly kind: 'independent'
      /** The inputs whose first axis is the rows: all that a request must send. */
      readonly inputs: readonly string[]
      /** Inputs with a default, the same for all rows: a request that sends one must run alone. */
      readonly defaultedInputs: readonly string[]
      /** The outputs, in the model's order. */
      readonly outputs: readonly OutputRows[]
      /**
       * Inner axes of inputs that have one name, by that name. The proof holds for requests in which all axes of one name
       * have one size.
       */
      readonly namedAxes: ReadonlyMap<string, readonly InputAxis[]>
    }
  | {
      readonly kind: 'dependent'
      /** The node, when it has a name, and its operator, when the reason lies in one. */
      readonly node?: string
      readonly operator?: string
      /** A whole sentence without a full stop, for the log: `node "Softmax_3" (Softmax) normalises over the axis of the rows`. */
      readonly reason: string
    }

/** The rows of one output: row i along `rowAxis` belongs to row i of the inputs. */
interface OutputRows {
  readonly name: string
  /** `list`: a sequence of tensors, each like this. `maps`: a sequence of one map a row, whose rowAxis is 0. */
  readonly form: 'tensor' | 'list' | 'maps'
  readonly rowAxis: number
}

interface InputAxis {
  readonly input: string
  readonly axis: number
}

interface ProofOptions {
  /** Reads small integer tensors in another file: shapes may lie there. */
  readonly readExternal?: ReadExternal
  readonly rules?: RuleTable
  /** The axis of each input that is the rows; undefined: this input is the same for all rows. All have axis 0 if absent. */
  readonly findRowAxis?: (input: string) => number | undefined
}

/**
 * Proves from the graph that row i of every output depends on row i of the inputs and on nothing else: one pass over the
 * nodes, one state a value, and no proof wherever no rule says so. Nothing is run, and what the file claims of shapes in
 * between is not trusted.
 *
 * The proof is of one run with as many rows in every input, at least one. The caller checks that, and that the outputs have
 * as many rows.
 */
export function proveRowIndependence(model: OnnxModel, options: ProofOptions = {}): RowIndependence {
  try {
    return prove(model, options)
  } catch (failure) {
    // The trace decodes constants, which may be malformed.
    if (failure instanceof UnreadableOnnx) return { kind: 'dependent', reason: failure.message }
    if (failure instanceof NotProven) return { kind: 'dependent', reason: `the graph ${failure.message}` }
    throw failure
  }
}

function prove(
  model: OnnxModel,
  { readExternal, rules = ruleTable, findRowAxis = () => 0 }: ProofOptions,
): RowIndependence {
  const { graph } = model
  const defaults = new Set([...graph.initializers, ...graph.sparseInitializers].map(({ name }) => name))
  const sent = graph.inputs.filter(input => !defaults.has(input.name))
  const tracer = new Tracer(model, { rules, readExternal })
  const inputs = new Map<string, State>()
  const refusal = sent.length === 0 ? 'the model has no input' : refuseInputs(sent, findRowAxis)
  if (refusal) return { kind: 'dependent', reason: refusal }
  for (const input of sent) inputs.set(input.name, inputState(input, findRowAxis(input.name), tracer.symbols))

  const outputs: OutputRows[] = []
  for (const [index, state] of tracer.trace(inputs).entries()) {
    const name = graph.outputs[index]?.name ?? ''
    if (state.kind === 'mixed') {
      const { node, operator, reason } = state.failure
      return { kind: 'dependent', reason, ...(node && { node }), ...(operator && { operator }) }
    }
    const rows = outputRows(name, state)
    if (typeof rows === 'string') return { kind: 'dependent', reason: rows }
    outputs.push(rows)
  }
  if (outputs.length === 0) return { kind: 'dependent', reason: 'the model has no output' }
  return {
    kind: 'independent',
    inputs: sent.map(input => input.name),
    defaultedInputs: graph.inputs.map(input => input.name).filter(name => defaults.has(name)),
    outputs,
    namedAxes: findNamedAxes(sent, findRowAxis),
  }
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

/** @returns how the output lies, or why it cannot be cut into rows */
function outputRows(name: string, state: State): OutputRows | string {
  switch (state.kind) {
    case 'rows':
      return tensorRows(name, state)
    case 'maps':
      return { name, form: 'maps', rowAxis: 0 }
    case 'list': {
      const elements = state.elements.map(element => outputRows(name, element))
      const refused = elements.find(
        element => typeof element === 'string' || element.form !== 'tensor' || element.rowAxis !== 0,
      )
      if (refused !== undefined || elements.length === 0)
        return typeof refused === 'string'
          ? refused
          : `output "${name}" is a list of values without rows on their first axis`
      return { name, form: 'list', rowAxis: 0 }
    }
    case 'rowCounts':
      return `output "${name}" is computed from the number of rows`
    default:
      return `output "${name}" does not depend on the rows`
  }
}

function tensorRows(name: string, { shape, axis, pre, padding }: Rows): OutputRows | string {
  if (padding !== undefined) return `output "${name}" is as wide as its longest row needs`
  if (!sameSize(pre, one) || !sameSize(shape[axis] ?? one, rowCount))
    return `output "${name}" has several entries for each row along the axis of the rows`
  return { name, form: 'tensor', rowAxis: axis }
}

function findNamedAxes(
  inputs: readonly OnnxValueInfo[],
  findRowAxis: (input: string) => number | undefined,
): ReadonlyMap<string, readonly InputAxis[]> {
  const axes = new Map<string, InputAxis[]>()
  for (const { name, type } of inputs) {
    if (type?.kind !== 'tensor') continue
    for (const [axis, size] of (type.shape ?? []).entries())
      if (isNamed(size) && axis !== findRowAxis(name))
        axes.set(size, [...(axes.get(size) ?? []), { input: name, axis }])
  }
  return axes
}
