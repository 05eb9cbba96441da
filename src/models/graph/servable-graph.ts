/**
 * Edits a graph so that its runs take and give nothing but tensors of types that JavaScript has. ONNX Runtime's JavaScript
 * binding (1.30) cannot return maps and sequences, which converters write by default: the classifiers of scikit-learn,
 * LightGBM and CatBoost end with ZipMap, those of several targets with SequenceConstruct.
 */
import { type GraphEdit, identityNode, outputOfGraph } from './edit-onnx-model.ts'
import type { FieldRange, OnnxGraph, OnnxModel, OnnxNode, OnnxType, OnnxValueInfo } from './onnx-model.ts'
import { dtypeOfElementType, elementCount, type OnnxTensor } from './onnx-tensor.ts'
import { overwritesShared } from './training-statistics.ts'

/** An output of a session, as callers know it. */
export interface ServedOutput {
  /** Its name in the graph, or the entry of a list: `probabilities[0]`. */
  readonly name: string
  /** Its name in the edited graph. */
  readonly value: string
  /** The names of the entries on the last axis. */
  readonly classes?: readonly string[]
  /** The name of the output, a list of tensors, that it is an entry of. */
  readonly list?: string
  /** The graph does not say how many dimensions it has. */
  readonly hasAnyShape: boolean
}

export interface ServableGraph {
  /** Undefined when the file can be opened as it is. */
  readonly edit: GraphEdit | undefined
  readonly outputs: readonly ServedOutput[]
  /** Inputs with a default value, which the edited graph takes like any other input. */
  readonly defaults: readonly { readonly input: OnnxValueInfo; readonly value: OnnxTensor }[]
  /** Names of the other inputs whose number of dimensions the graph does not say. */
  readonly inputsOfAnyShape: ReadonlySet<string>
}

/** Says which input or output has a type that callers cannot send or read, and the way out. */
export class UnservableGraph extends Error {
  override readonly name = 'UnservableGraph'
}

/**
 * Values of initializers that callers may replace are fed with every run, so there are few and small ones. Old exporters
 * list all weights among the inputs; those stay what they are, constants.
 */
const mostDefaults = 16
const mostDefaultElements = 4096
/** Initializers that are inputs too are constants in older files (onnx, IR.md, "Optional Inputs"). */
const firstIrVersionWithDefaults = 4
/** The opset for models of nothing but `ai.onnx.ml` operators; `Identity` has been in it from the start. */
const standardOpset = 9

/** @throws UnservableGraph */
export function servableGraph(model: OnnxModel): ServableGraph {
  const { graph } = model
  const initial = new Set([...graph.initializers, ...graph.sparseInitializers].map(({ name }) => name))
  const inputs = graph.inputs.filter(({ name }) => !initial.has(name))
  for (const { name, type } of inputs) requireTensor('input', name, type)
  const shared = overwritesShared(model)
  if (shared) throw new UnservableGraph(trainingRefusal(shared))
  const editing = new Editing(model)
  const outputs = graph.outputs.flatMap(output => editing.serve(output))
  const defaults = findDefaults(model)
  for (const { value } of defaults) editing.replaced.set(value.range, [])
  const isEdited = editing.replaced.size > 0
  return {
    edit: isEdited
      ? {
          replaced: editing.replaced,
          appended: editing.appended,
          ...(model.opsets.has('') ? {} : { standardOpset }),
        }
      : undefined,
    outputs,
    defaults,
    inputsOfAnyShape: new Set(inputs.filter(hasAnyShape).map(({ name }) => name)),
  }
}

function findDefaults({ graph, irVersion }: OnnxModel): ServableGraph['defaults'] {
  if (irVersion < firstIrVersionWithDefaults) return []
  const inputs = new Map(graph.inputs.map(input => [input.name, input]))
  const replaceable = graph.initializers.filter(({ name }) => inputs.has(name))
  if (replaceable.length > mostDefaults) return []
  return replaceable
    .filter(
      value =>
        value.external === undefined &&
        dtypeOfElementType.has(value.elementType) &&
        elementCount(value) <= mostDefaultElements,
    )
    .map(value => ({ input: inputs.get(value.name) as OnnxValueInfo, value }))
}

class Editing {
  readonly replaced = new Map<FieldRange, readonly Uint8Array[]>()
  readonly appended: Uint8Array[] = []
  readonly #bytes: Uint8Array
  readonly #producers: ReadonlyMap<string, OnnxNode>
  /** The number of uses of each value, by nodes (those of inner graphs too) and as an output. */
  readonly #uses = new Map<string, number>()
  readonly #names: Set<string>

  constructor({ bytes, graph }: OnnxModel) {
    this.#bytes = bytes
    this.#producers = new Map(graph.nodes.flatMap(node => node.outputs.map(name => [name, node])))
    this.#countUses(graph)
    this.#names = new Set([
      ...this.#uses.keys(),
      ...this.#producers.keys(),
      ...[...graph.inputs, ...graph.initializers].map(({ name }) => name),
    ])
  }

  /** @returns the outputs that the edited graph has instead */
  serve(output: OnnxValueInfo): ServedOutput[] {
    const { name, type } = output
    if (type?.kind === 'sequence' || type?.kind === 'map') return this.#serveOther(output, type)
    requireTensor('output', name, type)
    // Results are members of an object, where this name would be none (onnxruntime-common 1.30, `run`).
    if (name !== '__proto__') return [{ name, value: name, hasAnyShape: hasAnyShape(output) }]
    const value = this.#freshName('proto')
    this.appended.push(identityNode(name, value))
    this.replaced.set(output.range, [outputOfGraph(value, type.elementType)])
    return [{ name, value, hasAnyShape: hasAnyShape(output) }]
  }

  #serveOther(output: OnnxValueInfo, type: OnnxType): ServedOutput[] {
    const { name } = output
    const chain = this.#chainTo(name)
    const source = chain.at(-1)
    const classes = source && readClasses(source)
    const isList = source?.operator === 'SequenceConstruct' && source.domain === ''
    if (!source || (!classes && !isList)) throw new UnservableGraph(notServable(name, type, source))
    // ONNX says that ZipMap takes float32; skl2onnx gives it float64 where the columns are, and answers are no worse for it.
    const elementType = classes ? undefined : tensorElementType(type)
    if (elementType !== undefined) requireType('output', name, elementType)
    const served = source.inputs.map((_, index) => {
      const value = this.#freshName(classes ? `${name} of tensors` : `${name}[${index}]`)
      return classes
        ? { name, value, classes, hasAnyShape: false }
        : { name: value, value, list: name, hasAnyShape: true }
    })
    this.replaced.set(
      output.range,
      served.map(({ value }) => outputOfGraph(value, elementType)),
    )
    const nodes = served.map(({ value }, index) => identityNode(source.inputs[index] as string, value))
    this.#replaceEnd(chain, nodes)
    return served
  }

  /** Lists the node that makes an output and those that only give it another name, from the last one on. */
  #chainTo(output: string): OnnxNode[] {
    const chain: OnnxNode[] = []
    for (let node = this.#producers.get(output); node && !chain.includes(node); ) {
      chain.push(node)
      if (node.operator !== 'Identity' || node.domain !== '') break
      node = this.#producers.get(node.inputs[0] ?? '')
    }
    return chain
  }

  /** Puts the nodes where the chain ended, and removes the nodes of the chain that nothing else uses. */
  #replaceEnd(chain: readonly OnnxNode[], nodes: readonly Uint8Array[]): void {
    let isNeeded = false
    for (const [index, node] of chain.entries()) {
      isNeeded ||= node.outputs.some(name => (this.#uses.get(name) ?? 0) > 1)
      const kept = isNeeded ? [this.#bytes.subarray(node.range.fieldStart, node.range.end)] : []
      if (index === 0) this.replaced.set(node.range, [...kept, ...nodes])
      else if (!isNeeded) this.replaced.set(node.range, [])
    }
  }

  #freshName(wish: string): string {
    let name = wish
    while (this.#names.has(name)) name += '_'
    this.#names.add(name)
    return name
  }

  #countUses({ nodes, outputs }: OnnxGraph): void {
    const use = (name: string) => this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1)
    for (const { name } of outputs) use(name)
    for (const { inputs, attributes } of nodes) {
      for (const name of inputs) use(name)
      for (const { graph, graphs } of attributes.values())
        for (const inner of graph ? [graph, ...graphs] : graphs) this.#countUses(inner)
    }
  }
}

/** @returns what ZipMap calls the columns of its input; undefined: it is another node */
function readClasses({ operator, domain, attributes }: OnnxNode): string[] | undefined {
  if (operator !== 'ZipMap' || domain !== 'ai.onnx.ml') return undefined
  const texts = attributes.get('classlabels_strings')?.strings ?? []
  return texts.length > 0 ? texts : (attributes.get('classlabels_int64s')?.ints ?? []).map(String)
}

function hasAnyShape({ type }: OnnxValueInfo): boolean {
  return type?.kind === 'tensor' && type.shape === undefined
}

function tensorElementType(type: OnnxType): number | undefined {
  return type.kind === 'sequence' && type.element?.kind === 'tensor' ? type.element.elementType : undefined
}

function requireTensor(
  side: 'input' | 'output',
  name: string,
  type: OnnxType | undefined,
): asserts type is Extract<OnnxType, { kind: 'tensor' }> {
  if (type?.kind === 'tensor') return requireType(side, name, type.elementType)
  const what = type ? describe(type) : 'of no declared type'
  throw new UnservableGraph(
    `${side} "${name}" is ${what}, and only tensors can be ${side === 'input' ? 'sent' : 'returned'}: export the model with tensors as its ${side}s`,
  )
}

function requireType(side: 'input' | 'output', name: string, elementType: number): void {
  if (dtypeOfElementType.has(elementType)) return
  const type = otherTypes.get(elementType) ?? `of element type ${elementType}`
  throw new UnservableGraph(
    `${side} "${name}" is ${type}, which JavaScript cannot represent: export the model with float32 or another plain type there (a Cast beside the ${side} does it)`,
  )
}

function trainingRefusal({ outputs }: OnnxNode): string {
  return `the BatchNormalization that gives "${outputs[0]}" is in training mode, and its statistics are used elsewhere too, so that each request would change the answers to later ones: export the model in inference mode (PyTorch: model.eval())`
}

function notServable(name: string, type: OnnxType, source: OnnxNode | undefined): string {
  const maker = source ? `, which ${source.operator} makes` : ''
  const wayOut =
    type.kind === 'sequence' && type.element?.kind !== 'map'
      ? 'of sequences, only those that SequenceConstruct makes are answered, as their length is known: export the model with a tensor there, e.g. by ConcatFromSequence'
      : "of maps, only those that ZipMap makes are answered: export the model with a tensor there (skl2onnx: options={'zipmap': False})"
  return `output "${name}" is ${describe(type)}${maker}; ${wayOut}`
}

function describe(type: OnnxType): string {
  switch (type.kind) {
    case 'tensor':
      return `a tensor of ${nameOfType(type.elementType)}`
    case 'sparseTensor':
      return 'a sparse tensor'
    case 'sequence':
      return `a sequence${type.element ? ` (each ${describe(type.element)})` : ''}`
    case 'optional':
      return `optional${type.element ? ` (${describe(type.element)} or nothing)` : ''}`
    case 'map':
      return `a map from ${nameOfType(type.keyType)} to ${type.value?.kind === 'tensor' ? nameOfType(type.value.elementType) : 'something else'}`
    case 'opaque':
      return 'of a type of its own'
  }
}

function nameOfType(elementType: number): string {
  return dtypeOfElementType.get(elementType) ?? otherTypes.get(elementType) ?? `type ${elementType}`
}

/** The TensorProto.DataTypes that no JavaScript array holds. */
const otherTypes: ReadonlyMap<number, string> = new Map([
  [14, 'complex64'],
  [15, 'complex128'],
  [16, 'bfloat16'],
  [17, 'float8 (e4m3fn)'],
  [18, 'float8 (e4m3fnuz)'],
  [19, 'float8 (e5m2)'],
  [20, 'float8 (e5m2fnuz)'],
  [21, 'uint4'],
  [22, 'int4'],
  [23, 'float4 (e2m1)'],
  [24, 'float8 (e8m0)'],
  [25, 'uint2'],
  [26, 'int2'],
])
