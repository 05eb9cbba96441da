/** An entry script to start from: it does what the model alone does, with names and types from the graph. */
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { encode } from '../../tensor/python-json.ts'
import { splitRows } from '../../tensor/rows.ts'
import { isOpen } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'

export interface ScriptSource {
  readonly service: string
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  /** Tensors that the model can score. */
  readonly feeds: Feeds
}

/** TypeScript that scores the sample of the service as it is, and that strict settings find no fault with. */
export function writeScript(source: ScriptSource): string {
  const { inputs } = source
  const [only] = inputs
  const areTensors = inputs.every(
    ({ shape }) => shape !== undefined && shape.length > 0 && !shape.slice(1).some(size => isOpen(size)),
  )
  if (!only || !areTensors) return recordScript(source)
  return inputs.length === 1 ? tensorScript(source, only) : columnScript(source)
}

/** Rows come as one checked tensor. */
function tensorScript({ service, feeds, outputs }: ScriptSource, { name, dtype }: TensorInfo): string {
  const sample = sampleLiteral(feeds[name] as Tensor)
  return `import { type InitContext, type ModelSession, type Tensor, tensor } from 'scoring-functions'

/** What callers of ${service} send as "data": rows like this one. */
export const input = tensor(${sample}, '${dtype}')

let model: ModelSession

/** Runs once in each worker, before its first request. */
export async function init({ loadModel }: InitContext) {
  model = await loadModel()
}

/** Runs once per request. Change the rows before, or the answer after, the model. */
export async function run({ data }: { data: Tensor }) {
${runModel(`{ ${key(name)}: data }`, outputs)}
}
`
}

/** Each input is a checked tensor of its own; rows come in all forms that the model alone takes. */
function columnScript({ service, inputs, outputs, feeds }: ScriptSource): string {
  const columns = inputs.map(
    ({ name, dtype }) => `  ${key(name)}: tensor(${sampleLiteral(feeds[name] as Tensor)}, '${dtype}'),`,
  )
  return `import { type InitContext, type ModelSession, type Tensor, tensor } from 'scoring-functions'

/** The columns that callers of ${service} send, with the values of one row. */
export const input = {
${columns.join('\n')}
}

let model: ModelSession

/** Runs once in each worker, before its first request. */
export async function init({ loadModel }: InitContext) {
  model = await loadModel()
}

/** Runs once per request. Change the columns before, or the answer after, the model. */
export async function run(columns: Record<keyof typeof input, Tensor>) {
${runModel('columns', outputs)}
}
`
}

/** Rows come as objects, checked by a schema, because inner dimensions of any size are no sample of a tensor. */
function recordScript({ service, inputs, outputs, feeds: sample }: ScriptSource): string {
  const ranks = new Map(inputs.map(({ name }) => [name, sample[name]?.shape.length ?? 1]))
  const fields = inputs.map(({ name, dtype, shape }) => `  ${key(name)}: ${schemaFor(dtype, shape, ranks.get(name))},`)
  const tensors = inputs.map(({ name, dtype, shape }) => {
    const member = isIdentifier(name) ? `row.${name}` : `row[${quote(name)}]`
    const value = shape?.length === 2 && shape[1] === 1 ? `[${member}]` : member
    return `    ${key(name)}: Tensor.from('${dtype}', data.map(row => ${value}), ${quote(name)}),`
  })
  const single = inputs.length === 1 && inputs[0]
  const row = single
    ? schemaFor(single.dtype, single.shape, ranks.get(single.name))
    : `z.object({\n${fields.join('\n')}\n})`
  const feeds = single
    ? `{ ${key(single.name)}: Tensor.from('${single.dtype}', data, ${quote(single.name)}) }`
    : `{\n${tensors.join('\n')}\n  }`
  return `import { type InitContext, type ModelSession, Tensor } from 'scoring-functions'
import * as z from 'zod'

/** A row of ${service}; a request with other rows gets a 400 that says what is wrong. */
const Row = ${row}

export const input = z.object({ data: z.array(Row).min(1) })

let model: ModelSession

/** Runs once in each worker, before its first request. */
export async function init({ loadModel }: InitContext) {
  model = await loadModel()
}

/** Runs once per request. Change the rows before, or the answer after, the model. */
export async function run({ data }: z.infer<typeof input>) {
${runModel(feeds, outputs)}
}
`
}

/** Calls the model, and returns its outputs by name, so that they are easy to change. */
function runModel(feeds: string, outputs: readonly TensorInfo[]): string {
  const names = outputs.map(({ name }) => name)
  if (names.length === 0 || names.length > 6 || !names.every(isFreeName)) return `  return model.run(${feeds})`
  const returned = names.length === 1 ? names[0] : `{ ${names.join(', ')} }`
  return `  const { ${names.join(', ')} } = await model.run(${feeds})\n  return ${returned}`
}

/** @param rank  number of axes, with that of the rows */
function schemaFor(dtype: Dtype, shape: TensorInfo['shape'], rank = 1): string {
  const depth = Math.max(0, rank - 1)
  const isPlain = depth === 0 || (shape?.length === 2 && shape[1] === 1)
  // null and NaN are missing numbers, which pandas and Python write.
  if (isPlain) return dtype.startsWith('float') ? 'z.number().or(z.nan()).nullable()' : elementSchema(dtype)
  return 'z.array('.repeat(depth) + elementSchema(dtype) + ')'.repeat(depth)
}

function elementSchema(dtype: Dtype): string {
  if (dtype === 'string') return 'z.string()'
  if (dtype === 'bool') return 'z.boolean()'
  return dtype.startsWith('float') ? 'z.number()' : 'z.int()'
}

/** Rows with more values are filled with zeros, because the values of the sample would be pages. */
const mostLiteralValues = 20

function sampleLiteral(tensor: Tensor): string {
  const [row] = tensor.shape[0] === undefined ? [tensor] : splitRows(tensor, new Array(tensor.rowCount).fill(1))
  if (row && row.data.length <= mostLiteralValues) {
    const json = encode(row)
    return /['\\]/.test(json) ? json : json.replaceAll('"', "'")
  }
  const [, ...inner] = tensor.shape
  const element = tensor.dtype === 'string' ? "''" : tensor.dtype === 'bool' ? 'false' : '0'
  return `[${inner.reduceRight((nested, size) => `new Array(${size}).fill(${nested})`, element)}]`
}

const reserved = new Set(
  'arguments await break case catch class columns const continue data debugger default delete do else enum eval export extends false finally for function if implements import in init input instanceof interface let model new null package private protected public return row run static super switch this throw true try typeof undefined var void while with yield z Tensor tensor Row'.split(
    ' ',
  ),
)

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name)
}

function isFreeName(name: string): boolean {
  return isIdentifier(name) && !reserved.has(name)
}

function key(name: string): string {
  return isIdentifier(name) ? name : quote(name)
}

function quote(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
}
