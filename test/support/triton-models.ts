/** Services that clients of Triton and KServe call, with what Python's ONNX Runtime answers. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeDatatype } from '../../src/protocols/open-inference/datatypes.ts'
import { type Dtype, typedArrays } from '../../src/tensor/dtype.ts'
import type { Cleaner } from './cleaner.ts'
import { writeModel } from './onnx-writer.ts'
import type { ServiceFiles } from './service-folder.ts'

const fixture = (path: string) => join(import.meta.dirname, '../fixtures/cases/sk_logistic_default', path)

/** Sums and differences, as the model `simple` of Triton's examples. */
const simple = writeModel({
  nodes: [
    { op: 'Add', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT0'] },
    { op: 'Sub', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT1'] },
  ],
  inputs: ['INPUT0', 'INPUT1'].map(name => [name, 'int32', ['n', 16]] as const),
  outputs: ['OUTPUT0', 'OUTPUT1'].map(name => [name, 'int32', ['n', 16]] as const),
})

const types = Object.keys(typedArrays) as Dtype[]
const everyType = writeModel({
  nodes: types.map(encodeDatatype).map(name => ({ op: 'Identity', inputs: [name], outputs: [`of-${name}`] })),
  inputs: types.map(dtype => [encodeDatatype(dtype), dtype, ['n', 2]] as const),
  outputs: types.map(dtype => [`of-${encodeDatatype(dtype)}`, dtype, ['n', 2]] as const),
})

export const tritonServices = ['simple', 'every-type', 'logistic', 'raw'] as const

export async function tritonFiles(): Promise<ServiceFiles> {
  return {
    'simple/service.json': {},
    'simple/1/model.onnx': simple,
    'every-type/service.json': {},
    'every-type/1/model.onnx': everyType,
    'logistic/service.json': {},
    'logistic/1/model.onnx': await readFile(fixture('model.onnx')),
    'raw/service.json': { entryScript: 'score.js' },
    'raw/score.js': 'export const init = () => {}\nexport const run = text => text',
  }
}

interface Case {
  readonly inputs: { readonly X: { readonly values: number[][] } }
  readonly python_onnxruntime: {
    readonly values: readonly [labels: { values: number[] }, probabilities: Record<string, number>[]]
  }
}

/** Writes rows for `logistic`, and their labels and probabilities by Python's ONNX Runtime. @returns the JSON file */
export async function writeLogisticCase(test: Cleaner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'triton-'))
  test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
  const { inputs, python_onnxruntime } = JSON.parse(await readFile(fixture('case.json'), 'utf8')) as Case
  const [labels, probabilities] = python_onnxruntime.values
  const expected = { rows: inputs.X.values, labels: labels.values, probabilities: probabilities.map(Object.values) }
  await writeFile(join(folder, 'case.json'), JSON.stringify(expected))
  return join(folder, 'case.json')
}
