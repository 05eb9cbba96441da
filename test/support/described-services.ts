import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Dtype, typedArrays } from '../../src/tensor/dtype.ts'
import { identityModel, writeModel } from './onnx-writer.ts'
import type { ServiceFiles } from './service-folder.ts'

const zod = import.meta.resolve('zod')
const entry = { entryScript: 'score.mjs' }
const sampled = { ...entry, schema: { input: 'sample.json' } }
/** A script without a model. */
const script = (...lines: string[]) =>
  ["import { Tensor, tensor } from 'scoring-functions'", `import * as z from '${zod}'`, 'export const init = () => {}']
    .concat(lines)
    .join('\n')

/** The example that the original of this name shows, as the sample of ours. */
function recordedExample(name: string): string {
  const file = join(resolve(import.meta.dirname, '..'), 'fixtures/azureml-swagger', `${name}.swagger2.json`)
  return JSON.stringify(JSON.parse(readFileSync(file, 'utf8')).definitions.ServiceInput.example)
}

/** The scripts of `test/fixtures/azureml-swagger`, as their owners would write them here. */
export const scriptsOfOriginal: ServiceFiles = {
  'power-bi/service.json': sampled,
  'power-bi/sample.json': recordedExample('power_bi'),
  'power-bi/score.mjs': script(
    'const row = z.object({ AGE: z.int(), BMI: z.number(), NAME: z.string(), SMOKES: z.boolean() })',
    'export const input = z.object({',
    '  Inputs: z.object({ data: z.array(row) }),',
    '  GlobalParameters: z.object({ scale: z.number(), method: z.string() }),',
    '})',
    'export const output = z.object({ Results: z.array(z.number()) })',
    'const scores = [217.67978776218715, 224.78937091757172]',
    'export const run = ({ Inputs }) => ({ Results: Inputs.data.map((_, index) => scores[index % 2]) })',
  ),
  'numpy-rows/service.json': entry,
  'numpy-rows/score.mjs': script(
    "export const input = tensor([[0.5, 0.25, 0.125]], 'float32')",
    "export const output = tensor([1.5], 'float32')",
    "export const run = ({ data }) => Tensor.from('float32', new Array(data.shape[0]).fill(1.5))",
  ),
  'standard-types/service.json': sampled,
  'standard-types/sample.json': recordedExample('standard_types'),
  'standard-types/score.mjs': script(
    'const visit = z.object({ day: z.string(), pressures: z.array(z.int()) })',
    'const visits = z.array(visit)',
    'export const input = z.object({ name: z.string(), age: z.int(), bmi: z.number(), smokes: z.boolean(), visits })',
    'export const output = z.object({ risk: z.number(), reasons: z.array(z.string()) })',
    "export const run = () => ({ risk: 0.25, reasons: ['age'] })",
  ),
}

const dtypes = Object.keys(typedArrays) as Dtype[]

const models = resolve(import.meta.dirname, '../../models')
const samples = Object.fromEntries(
  globSync('*/**/*.*', { cwd: models }).map(file => [file, readFileSync(join(models, file))]),
)

/** The sample services, and one for each way in which a document can differ; `choices` alone has no version 2. */
export const describedServices: ServiceFiles = {
  ...samples,
  ...scriptsOfOriginal,
  'every-dtype/service.json': {},
  'every-dtype/model.onnx': writeModel({
    nodes: dtypes.map(dtype => ({ op: 'Identity', inputs: [dtype], outputs: [`same_${dtype}`] })),
    inputs: dtypes.map(dtype => [dtype, dtype, ['rows', 2]]),
    outputs: dtypes.map(dtype => [`same_${dtype}`, dtype, ['rows', 2]]),
  }),
  'float64-rows/service.json': {},
  'float64-rows/model.onnx': identityModel('float64'),
  'bare-tokens/service.json': { response: { nonFinite: 'literal' } },
  'bare-tokens/model.onnx': identityModel('float32'),
  'several/service.json': { auth: { mode: 'none' } },
  'several/model.onnx': writeModel({
    nodes: [
      { op: 'Identity', inputs: ['ids'], outputs: ['same'] },
      { op: 'Identity', inputs: ['weight'], outputs: ['scale'] },
    ],
    inputs: [
      ['ids', 'int64', ['batch', 'length']],
      ['weight', 'float64', []],
    ],
    outputs: [
      ['same', 'int64', ['batch', 'length']],
      ['scale', 'float64', []],
    ],
  }),
  'columns/service.json': {},
  'columns/model.onnx': writeModel({
    nodes: [
      { op: 'Identity', inputs: ['age'], outputs: ['years'] },
      { op: 'Identity', inputs: ['sex'], outputs: ['same'] },
    ],
    inputs: [
      ['age', 'float32', ['batch', 1]],
      ['sex', 'string', ['batch', 1]],
    ],
    outputs: [
      ['years', 'float32', ['batch', 1]],
      ['same', 'string', ['batch', 1]],
    ],
  }),
  'named/service.json': { input: { columns: ['a', 'b'] } },
  'named/model.onnx': identityModel('float32'),
  'protected/service.json': { openapi: { public: false } },
  'protected/model.onnx': identityModel('float32'),
  'text-of-json/service.json': { response: { encoding: 'json-string' } },
  'text-of-json/model.onnx': identityModel('float64'),
  'bare/service.json': entry,
  'bare/score.mjs': script('export const run = text => JSON.parse(text)'),
  'list-of-text/service.json': sampled,
  'list-of-text/sample.json': '["a", "b"]',
  'list-of-text/score.mjs': script('export const run = text => JSON.parse(text).map((word, index) => [word, index])'),
  'whole-request/service.json': entry,
  'whole-request/score.mjs': script(
    'export const rawHttp = true',
    'export const run = async request => Response.json(await request.json())',
  ),
  'choices/service.json': sampled,
  'choices/sample.json': '{"data": "a", "when": "2026-11-21T12:00:00Z", "mode": null}',
  'choices/score.mjs': script(
    'const shape = z.discriminatedUnion("kind", [',
    '  z.object({ kind: z.literal("circle"), radius: z.number().positive() }),',
    '  z.object({ kind: z.literal("box"), sides: z.tuple([z.number(), z.number()]) }),',
    '])',
    'export const input = z.object({',
    '  data: z.union([z.string(), z.number(), shape]), when: z.iso.datetime(), mode: z.enum(["a", "b"]).nullable(),',
    '})',
    'export const output = z.object({ at: z.date(), size: z.union([z.number(), z.null()]) })',
    'export const run = ({ when }) => ({ at: new Date(when), size: null })',
  ),
  'tree/service.json': sampled,
  'tree/sample.json':
    '{"Inputs": {"name": "a", "children": [{"name": "b", "children": [], "parent": null}], "parent": null}}',
  'tree/score.mjs': script(
    'const Node = z.object({',
    '  name: z.string().min(1), get children() { return z.array(Node) }, get parent() { return Node.nullable() },',
    '})',
    'export const input = z.object({',
    '  Inputs: Node, GlobalParameters: z.object({ depth: z.int().positive().default(3), day: z.iso.date().optional() }).optional(),',
    '})',
    'export const output = z.object({ Results: Node })',
    'export const run = ({ Inputs }) => ({ Results: Inputs })',
  ),
  'table/service.json': sampled,
  'table/sample.json': '{"counts": {"a": 1}, "pair": [1, 2], "kind": "x", "anything": [1, "a", null]}',
  'table/score.mjs': script(
    'export const input = z.object({',
    '  counts: z.record(z.string(), z.int().min(0)), pair: z.tuple([z.number(), z.number()]),',
    '  kind: z.literal("x"), anything: z.unknown(),',
    '})',
    'export const run = ({ counts, anything }) => ({ total: Object.keys(counts).length, anything, at: new Date(0), big: 10n })',
  ),
}
