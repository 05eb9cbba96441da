/** Reads Bicep files into plain values, for tests that look at what would be deployed. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { Language, type Node, Parser } from 'web-tree-sitter'

const require = createRequire(import.meta.url)
await Parser.init()
const grammar = `${dirname(require.resolve('tree-sitter-bicep/package.json'))}/tree-sitter-bicep.wasm`
const parser = new Parser().setLanguage(await Language.load(grammar))

/** What only a deployment can compute. */
export class Expression {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** One of several values, which a condition decides. */
export class Choice {
  readonly values: readonly Value[]

  constructor(values: readonly Value[]) {
    this.values = values
  }
}

export type Value = string | number | boolean | null | Value[] | BicepObject | Expression | Choice
export interface BicepObject {
  [name: string]: Value
}

export interface Declaration {
  readonly name: string
  /** e.g. `secure()`, `allowed(['a'])` */
  readonly decorators: readonly string[]
}

export interface Parameter extends Declaration {
  /** As it is written, e.g. `string`. */
  readonly type: string
  readonly default: Value | undefined
}

export interface BicepResource extends Declaration {
  /** With those of its parents: `Microsoft.Web/sites/config`. */
  readonly type: string
  readonly apiVersion: string
  readonly isExisting: boolean
  readonly body: BicepObject
}

export interface BicepModule extends Declaration {
  readonly path: string
  readonly body: BicepObject
}

export interface BicepFile {
  readonly file: string
  readonly text: string
  readonly parameters: readonly Parameter[]
  readonly variables: ReadonlyMap<string, Value>
  readonly resources: readonly BicepResource[]
  readonly modules: readonly BicepModule[]
  readonly outputs: ReadonlyMap<string, Value>
  /** Names that are used and not declared, or declared twice. */
  readonly unknownNames: readonly string[]
}

/** @throws Error naming the first line that is no Bicep */
export function readBicep(file: string): BicepFile {
  return parseBicep(readFileSync(file, 'utf8'), file)
}

export function parseBicep(text: string, file = 'test.bicep'): BicepFile {
  const tree = parser.parse(text)
  if (!tree) throw new Error(`${file} cannot be parsed`)
  try {
    if (tree.rootNode.hasError) {
      const [error] = tree.rootNode.descendantsOfType('ERROR')
      throw new Error(`${file}:${(error?.startPosition.row ?? 0) + 1}: no Bicep: ${error?.text.slice(0, 80)}`)
    }
    return readFile(tree.rootNode, text, file)
  } finally {
    tree.delete()
  }
}

/** Variables of the file that is read, from its top to where it is read. */
let known: ReadonlyMap<string, Value> = new Map()

function readFile(root: Node, text: string, file: string): BicepFile {
  const parameters: Parameter[] = []
  const variables = new Map<string, Value>()
  known = variables
  const resources: BicepResource[] = []
  const modules: BicepModule[] = []
  const outputs = new Map<string, Value>()
  let decorators: string[] = []
  for (const node of named(root)) {
    if (node.type === 'decorators') {
      decorators = named(node).map(each => each.text.replace(/^@(sys\.)?/, ''))
      continue
    }
    const [nameNode, ...rest] = named(node)
    const declaration = { name: nameNode?.text ?? '', decorators }
    const last = rest.at(-1)
    if (node.type === 'parameter_declaration') {
      const isDefault = last !== undefined && rest.length > 1
      const type = (rest[0] as Node).text
      parameters.push({ ...declaration, type, default: isDefault ? readValue(last) : undefined })
    } else if (node.type === 'variable_declaration') variables.set(declaration.name, readValue(last as Node))
    else if (node.type === 'output_declaration') outputs.set(declaration.name, readValue(last as Node))
    else if (node.type === 'resource_declaration') resources.push(...readResource(node, decorators))
    else if (node.type === 'module_declaration') {
      modules.push({ ...declaration, path: literal(rest[0] as Node), body: ofEach(readValue(last as Node)) })
    }
    decorators = []
  }
  return { file, text, parameters, variables, resources, modules, outputs, unknownNames: findUnknownNames(root) }
}

/** Functions and namespaces of Bicep that infra/ uses. */
const ofBicep =
  'az concat contains empty environment filter guid join json loadJsonContent loadTextContent map replace resourceGroup split string subscription subscriptionResourceId toLower trim union uniqueString indexOf'

function findUnknownNames(root: Node): string[] {
  const declared = new Set(ofBicep.split(' '))
  const local = new Set<string>()
  const used = new Set<string>()
  const visit = (node: Node): void => {
    if (node.type === 'decorators' || node.type === 'type') return
    const isDeclaration = node.type.endsWith('_declaration') || node.type.startsWith('import')
    for (const [index, child] of named(node).entries()) {
      if (isLocal(node, child, index)) local.add(child.text)
      else if (isDeclaration && index === 0) declared.add(child.text)
      else if (node.type === 'object_property' && index === 0) continue
      else if (child.type === 'identifier') used.add(child.text)
      else visit(child)
    }
  }
  visit(root)
  const unknown = [...used].filter(name => !declared.has(name) && !local.has(name))
  return [...unknown, ...[...local].filter(name => declared.has(name))]
}

/** Whether a name is that of a loop or of a function in an argument. */
function isLocal(node: Node, child: Node, index: number): boolean {
  if (child.type === 'loop_variable' || child.type === 'loop_enumerator') return true
  if (node.type === 'lambda_expression') return index === 0
  // A loop over a list without an index has its variable first.
  return node.type === 'for_statement' && child.id === node.childForFieldName('initializer')?.id
}

/** A resource, and those that are declared within it. */
function readResource(node: Node, decorators: readonly string[], parent?: BicepResource): BicepResource[] {
  const [nameNode, typeNode, bodyNode] = named(node) as [Node, Node, Node]
  const [type = '', apiVersion = parent?.apiVersion ?? ''] = literal(typeNode).split('@')
  const resource: BicepResource = {
    name: nameNode.text,
    decorators,
    type: parent ? `${parent.type}/${type}` : type,
    apiVersion,
    isExisting: node.children.some(child => child?.type === 'existing'),
    body: ofEach(readValue(bodyNode)),
  }
  const within = bodyNode.descendantsOfType('resource_declaration').filter(each => each !== null)
  return [resource, ...within.flatMap(each => readResource(each, [], resource))]
}

/** A loop makes resources that are all alike. */
const ofEach = (body: Value) => (Array.isArray(body) ? body[0] : body) as BicepObject

function readValue(node: Node): Value {
  const parts = named(node)
  switch (node.type) {
    case 'string':
      return node.descendantsOfType('interpolation').length > 0 ? new Expression(node.text) : literal(node)
    case 'identifier':
      return known.get(node.text) ?? new Expression(node.text)
    case 'number':
      return Number(node.text)
    case 'boolean':
      return node.text === 'true'
    case 'null':
      return null
    case 'array':
      return parts.map(readValue)
    case 'object':
      return readObject(parts)
    case 'for_statement':
      return [readValue(node.childForFieldName('body') ?? (parts.at(-1) as Node))]
    case 'if_statement':
    case 'parenthesized_expression':
      return readValue(parts.at(-1) as Node)
    case 'ternary_expression':
      return new Choice(
        [node.childForFieldName('consequence'), node.childForFieldName('alternative')].map(each =>
          readValue(each as Node),
        ),
      )
    case 'call_expression':
      return readCall(node)
    default:
      return new Expression(node.text)
  }
}

function readObject(properties: readonly Node[]): BicepObject {
  const entries = properties
    .map(named)
    .filter((parts): parts is [Node, Node] => parts.length === 2) // not a resource within another
    .map(([key, value]) => {
      return [key.type === 'string' ? literal(key) : key.text, readValue(value)] as const
    })
  return Object.fromEntries(entries)
}

/** Of functions that put values together, the values; where one is only known in a deployment, the others. */
function readCall(node: Node): Value {
  const name = node.childForFieldName('function')?.text
  const values = named(node.childForFieldName('arguments') as Node).map(readValue)
  const parts = values.flatMap(each => (each instanceof Choice ? each.values : [each]))
  if (name === 'union' && parts.some(isObject)) return Object.assign({}, ...parts.filter(isObject))
  if (name === 'concat' && parts.some(Array.isArray)) return parts.filter(each => Array.isArray(each)).flat()
  return new Expression(node.text)
}

export function isObject(value: Value | undefined): value is BicepObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Expression) &&
    !(value instanceof Choice)
  )
}

/**
 * The values at a path such as `properties.sku`, of all branches of conditions and all entries of lists.
 *
 * @returns empty when there are none
 */
export function valuesAt(value: Value | undefined, path: string): Value[] {
  if (value instanceof Choice) return value.values.flatMap(each => valuesAt(each, path))
  if (Array.isArray(value)) return value.flatMap(each => valuesAt(each, path))
  if (path === '') return value === undefined ? [] : [value]
  const [name = '', ...rest] = path.split('.')
  return isObject(value) ? valuesAt(value[name], rest.join('.')) : []
}

const named = (node: Node): Node[] =>
  node.namedChildren.filter(child => child !== null && child.type !== 'comment') as Node[]

/** The text of a string, of one line or of several. */
function literal(node: Node): string {
  const text = node.text
  return text.startsWith("'''") ? text.slice(3, -3) : text.slice(1, -1)
}
