import { controlFlow } from './control-flow.ts'
import { liveNodes, namesReadBy } from './live-nodes.ts'
import { DrawsRandomNumbers, NotProven } from './not-proven.ts'
import type { OnnxAttribute } from './onnx-attribute.ts'
import type { OnnxFunction, OnnxGraph, OnnxModel, OnnxNode } from './onnx-model.ts'
import { dtypeOfElementType, elementCount, type OnnxTensor, type ReadExternal, tensorData } from './onnx-tensor.ts'
import { OperatorCall, type Rule } from './operator-call.ts'
import { constant, resolveState, type State } from './row-state.ts'
import { newestKnownOpset, ruleTable } from './rule-table.ts'
import { randomOperators } from './rules/refused.ts'
import { followSizes, maxFollowedEntries } from './rules/sizes.ts'
import { literal, SymbolTable } from './symbolic-size.ts'

/** The most nodes traced in all; those of functions and loops count every time. */
const maxSteps = 300_000
/** The deepest nesting of functions. */
const maxCallDepth = 40

/** The names of a graph with their values, within those of the graphs around it. */
interface Scope {
  readonly values: Map<string, State>
  readonly initializers: ReadonlyMap<string, OnnxTensor>
  readonly outer: Scope | undefined
  readonly opsets: ReadonlyMap<string, number>
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
}

/** Follows the states of all values through a model, node by node in the file's order. */
export class Tracer {
  readonly symbols = new SymbolTable()
  readonly #model: OnnxModel
  readonly #readExternal: ReadExternal | undefined
  readonly #functions: ReadonlyMap<string, OnnxFunction>
  #steps = 0
  #callDepth = 0

  constructor(model: OnnxModel, readExternal: ReadExternal | undefined) {
    this.#model = model
    this.#readExternal = readExternal
    this.#functions = new Map(model.functions.map(each => [functionKey(each.domain, each.name, each.overload), each]))
  }

  /** @returns the states of the model's outputs */
  trace(inputs: ReadonlyMap<string, State>): readonly State[] {
    const { graph, opsets } = this.#model
    return this.#traceGraph(graph, inputs, { outer: undefined, opsets, attributes: new Map() })
  }

  #traceGraph(
    graph: OnnxGraph,
    inputs: ReadonlyMap<string, State>,
    around: Pick<Scope, 'outer' | 'opsets' | 'attributes'>,
  ): readonly State[] {
    const scope: Scope = {
      ...around,
      values: new Map(inputs),
      initializers: new Map(graph.initializers.map(tensor => [tensor.name, tensor])),
    }
    for (const sparse of graph.sparseInitializers) scope.values.set(sparse.name, constant(sparse.dims.map(literal)))
    return this.#traceNodes(
      graph.nodes,
      graph.outputs.map(output => output.name),
      scope,
    )
  }

  #traceNodes(nodes: readonly OnnxNode[], outputs: readonly string[], scope: Scope): readonly State[] {
    this.#steps += nodes.length
    if (this.#steps > maxSteps) throw new NotProven(`takes more than ${maxSteps} steps to follow`)
    const live = liveNodes(nodes, outputs)
    for (const node of live.nodes) {
      const states = this.#step(node, scope, live.read)
      for (const [index, name] of node.outputs.entries()) {
        if (name === '' || !live.read.has(name)) continue
        // A name with two values could be read as either.
        const isTaken = scope.values.has(name) || scope.initializers.has(name)
        const fault = isTaken ? 'gives a name again that is taken' : 'has more outputs than are known'
        scope.values.set(name, (isTaken ? undefined : states[index]) ?? mixed(node, fault))
      }
    }
    return outputs.map(name => this.#read(name, scope))
  }

  #read(name: string, scope: Scope): State {
    for (let inner: Scope | undefined = scope; inner; inner = inner.outer) {
      const state = inner.values.get(name)
      if (state) return resolveState(this.symbols, state)
      const tensor = inner.initializers.get(name)
      if (tensor) {
        const stored = this.#traceConstant(tensor)
        inner.values.set(name, stored)
        return stored
      }
    }
    return { kind: 'mixed', reason: `"${name}" is read before a node gives it` }
  }

  #step(node: OnnxNode, scope: Scope, read: ReadonlySet<string>): readonly State[] {
    const inputs = node.inputs.map(name => (name === '' ? undefined : this.#read(name, scope)))
    const failed = inputs.find(state => state?.kind === 'mixed')
    if (failed) return node.outputs.map(() => failed)
    try {
      return this.#evaluate(node, inputs, scope, read)
    } catch (failure) {
      if (!(failure instanceof NotProven)) throw failure
      const state = failure.namesNode
        ? ({ kind: 'mixed', reason: failure.message } as const)
        : mixed(node, failure.message)
      return node.outputs.map(() => state)
    }
  }

  #evaluate(
    node: OnnxNode,
    inputs: readonly (State | undefined)[],
    scope: Scope,
    read: ReadonlySet<string>,
  ): readonly State[] {
    const called = this.#functions.get(functionKey(node.domain, node.operator, node.overload))
    const rules = ruleTable.get(node.domain)
    const rule = rules?.get(node.operator)
    if (called) {
      if (rules) throw new NotProven('is defined by the file in place of a standard operator')
      return this.#inline(called, node, inputs, scope)
    }
    const opset = findOpset(node, scope)
    const call = new OperatorCall({
      node,
      opset,
      inputs,
      symbols: this.symbols,
      outerAttributes: scope.attributes,
      isUsed: name => read.has(name),
      readExternal: this.#readExternal,
    })

    if (node.domain === '') {
      if (randomOperators.has(node.operator)) throw new NotProven('draws random numbers')
      if (node.operator === 'Constant') return [this.#constantNode(call)]
      const control = controlFlow[node.operator]
      if (control) {
        return control(call, {
          trace: (graph, states) => this.#traceInner(graph, states, scope),
          readsRows: graph => namesReadBy(graph).some(name => hasRows(this.#read(name, scope))),
        })
      }
      const sizes = followSizes(call)
      if (sizes) return [sizes]
    }
    if (inputs.every(state => state === undefined || state.kind === 'constant')) {
      if (!rule && node.domain === 'com.microsoft') throw new NotProven('is an operator for which there is no rule')
      return foldConstants(call, rule)
    }
    if (!rule) throw new NotProven('is an operator for which there is no rule')
    return applyRule(call, rule)
  }

  #traceInner(graph: OnnxGraph, states: readonly State[], outer: Scope): readonly State[] {
    if (states.length > graph.inputs.length) throw new NotProven('has an inner graph with too few inputs')
    const inputs = new Map(graph.inputs.map((input, index) => [input.name, states[index] ?? constant()]))
    return this.#traceGraph(graph, inputs, { outer, opsets: outer.opsets, attributes: outer.attributes })
  }

  /** Traces a function's nodes in place of the node that calls it. */
  #inline(
    called: OnnxFunction,
    node: OnnxNode,
    inputs: readonly (State | undefined)[],
    scope: Scope,
  ): readonly State[] {
    if (this.#callDepth >= maxCallDepth) throw new NotProven(`nests more than ${maxCallDepth} functions`)
    const attributes = new Map(called.attributeDefaults)
    for (const [name, attribute] of node.attributes) {
      const given = attribute.reference ? scope.attributes.get(attribute.reference) : attribute
      if (given) attributes.set(name, given)
    }
    const values = new Map<string, State>()
    for (const [index, name] of called.inputs.entries()) {
      const state = inputs[index]
      if (state) values.set(name, state)
    }
    this.#callDepth++
    try {
      const inner = { values, initializers: new Map(), outer: undefined, opsets: called.opsets, attributes }
      return this.#traceNodes(leavingOut(called, values), called.outputs, inner)
    } finally {
      this.#callDepth--
    }
  }

  #constantNode(call: OperatorCall): State {
    const tensor = call.attribute('value')?.tensor
    if (tensor) return this.#traceConstant(tensor)
    const [int, ints] = [call.int('value_int'), call.ints('value_ints')]
    if (int !== undefined) return constant([], [literal(int)])
    if (ints) return constant([literal(ints.length)], ints.map(literal))
    const floats = call.floats('value_floats')
    if (floats) return { ...constant([literal(floats.length)]), floats }
    const texts = call.attribute('value_strings')
    if (texts) return constant([literal(texts.strings.length)])
    return call.attribute('value_float') || call.attribute('value_string') ? constant([]) : constant()
  }

  #traceConstant(tensor: OnnxTensor): State {
    const shape = tensor.dims.map(literal)
    const dtype = dtypeOfElementType.get(tensor.elementType)
    const count = elementCount(tensor)
    if (dtype === undefined || dtype === 'string' || count > maxFollowedEntries) return constant(shape)
    const isFloat = dtype.startsWith('float')
    if (isFloat && count > 64) return constant(shape)
    const data = tensorData(tensor, this.#readExternal)
    if (!data) return constant(shape)
    const numbers = Array.from(data as ArrayLike<number | bigint>, Number)
    return isFloat ? { ...constant(shape), floats: numbers } : constant(shape, numbers.map(literal))
  }
}

/** What a rule makes of rows must be rows, unless only the type of an operand is read. */
function applyRule(call: OperatorCall, rule: Rule): readonly State[] {
  const { node, inputs } = call
  const readsRows = inputs.some(
    (state, index) => state?.kind === 'rows' && !(node.operator === 'CastLike' && index === 1),
  )
  const isMixed = (state: State, index: number) => readsRows && state.kind === 'constant' && call.isUsed(index)
  const states = [rule(call)].flat()
  return states.map((state, index) => (isMixed(state, index) ? mixed(node, 'makes one value of all rows') : state))
}

/** An operator on constants gives constants; the rule is asked for their shapes. */
function foldConstants(call: OperatorCall, rule: Rule | undefined) {
  let states: readonly State[] = []
  try {
    states = [rule?.(call) ?? []].flat()
  } catch (failure) {
    if (failure instanceof DrawsRandomNumbers || !(failure instanceof NotProven)) throw failure
  }
  return call.node.outputs.map((_, index) => states[index] ?? constant())
}

/** An input of a function that its caller leaves out is left out of the nodes that read it. */
function leavingOut(called: OnnxFunction, given: ReadonlyMap<string, State>): readonly OnnxNode[] {
  const absent = new Set(called.inputs.filter(name => !given.has(name)))
  if (absent.size === 0) return called.nodes
  return called.nodes.map(node => ({ ...node, inputs: node.inputs.map(name => (absent.has(name) ? '' : name)) }))
}

/** @throws NotProven when the operator is of a set that is not known */
function findOpset({ domain }: OnnxNode, { opsets }: Scope): number {
  const opset = opsets.get(domain) ?? (domain === 'com.microsoft' ? 1 : 0)
  const newest = newestKnownOpset.get(domain)
  if (newest === undefined) throw new NotProven(`is an operator of "${domain}", which is not known`)
  if (opset > newest || opset < 1)
    throw new NotProven(`is of operator set ${opset}, which is not known (known: 1 to ${newest})`)
  return opset
}

function hasRows(state: State): boolean {
  return state.kind === 'list' ? state.elements.some(hasRows) : state.kind !== 'constant'
}

/** @param reason  a phrase that follows the name of the node */
function mixed({ name, operator, outputs }: OnnxNode, reason: string): State {
  const subject = name === '' ? `the ${operator} that gives "${outputs[0] ?? ''}"` : `node "${name}" (${operator})`
  return { kind: 'mixed', reason: `${subject} ${reason}` }
}

function functionKey(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain, name, overload])
}
