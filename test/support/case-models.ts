/** Models with the inputs and answers of Python's onnxruntime: those of `test/fixtures/cases` and `test/fixtures/served`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allocate, type Dtype } from '../../src/tensor/dtype.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const fixtures = join(import.meta.dirname, '../fixtures')

/** JSON of an array of NumPy; a text in `values` is a number that JSON does not have, or a text where `dtype` says so. */
interface PlainArray {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly values: unknown
}

export interface CaseModel {
  readonly name: string
  readonly path: string
  readonly bytes: Buffer
  readonly inputs: Readonly<Record<string, PlainArray>>
  /** What a service of the model answers, as parsed JSON with float32 as Python has it. */
  readonly answer: unknown
}

export const namesOf = (folder: 'cases' | 'served') =>
  readdirSync(join(fixtures, folder), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)

export function readCase(folder: 'cases' | 'served', name: string): CaseModel {
  const path = join(fixtures, folder, name, 'model.onnx')
  const known = JSON.parse(readFileSync(join(fixtures, folder, name, 'case.json'), 'utf8'))
  // The first set of cases keeps what Python was given beside its answers.
  const {
    given: inputs,
    outputs,
    values: answers,
  } = known.python_onnxruntime ?? {
    given: known.inputs,
    outputs: known.outputs.map((output: string) => [output]),
    values: known.answers,
  }
  const members = outputs.map(([output]: [string], index: number) => [output, valuesIn(answers[index])])
  const answer = members.length === 1 ? members[0][1] : Object.fromEntries(members)
  return { name, path, bytes: readFileSync(path), inputs, answer }
}

/** Arrays as their values, lists and maps as they are. */
function valuesIn(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(valuesIn)
  return typeof answer === 'object' && answer !== null && 'values' in answer ? answer.values : answer
}

export function caseFeeds({ inputs }: CaseModel): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, values }]) => {
      const flat = [values].flat(Number.POSITIVE_INFINITY)
      const type = dtype === 'object' ? 'string' : (dtype as Dtype)
      const data = allocate(type, flat.length)
      const convert = type === 'string' ? String : type === 'int64' ? BigInt : Number
      for (const [index, each] of flat.entries()) data[index] = convert(each as string) as never
      return [name, new Tensor(type, data, shape)]
    }),
  )
}

/** Every number as float32 has it, so that its shortest text and its digits as a double are the same. */
export function asFloat32(value: unknown): unknown {
  if (typeof value === 'number') return Math.fround(value)
  if (Array.isArray(value)) return value.map(asFloat32)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asFloat32(member)]))
}
