/** What a service takes and gives back, as the schemas `ServiceInput` and `ServiceOutput` of its document. */
import type { LoadReport } from '../engine/hand-over.ts'
import type { TensorInfo } from '../engine/model-session.ts'
import type { ScoringService } from '../scoring/scoring-service.ts'
import { encode } from '../tensor/python-json.ts'
import type { JsonSchema } from './openapi-dialect.ts'
import { sizesIn, tensorSchema, zeros } from './openapi-tensor.ts'

/** A sample longer than this is not shown. */
const maxSampleLength = 100_000

/** What Azure ML says of scripts that declare nothing (contract, section 6). */
const undeclared: JsonSchema = { type: 'object', example: {} }

export interface Payload {
  readonly input: JsonSchema
  readonly output: JsonSchema
}

export function payloadOf({ definition }: ScoringService, report: LoadReport): Payload {
  const sample = parseSample(report.inputSample)
  const hasTensors = report.scriptKind === 'typed' && report.inputJsonSchema === undefined
  const examples = hasTensors ? tensorExamples(report.inputs, sample) : []
  const output = definition.entryScript === undefined ? tensorOutput(report, examples) : undeclared
  return {
    input: hasTensors ? tensorInput(report.inputs, examples) : otherInput(report, sample),
    output: definition.response.encoding === 'json-string' ? asText(output) : output,
  }
}

function parseSample(text: string | undefined): unknown {
  if (text === undefined || text.length > maxSampleLength) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined // a script without `input` may take text of any kind
  }
}

/** A declared schema, else an open value of the sample's kind. */
function otherInput({ inputJsonSchema }: LoadReport, sample: unknown): JsonSchema {
  if (inputJsonSchema) return sample === undefined ? inputJsonSchema : { ...inputJsonSchema, example: sample }
  if (sample === undefined) return undeclared
  if (Array.isArray(sample)) return { type: 'array', items: {}, example: sample }
  return sample === null ? { example: sample } : { type: typeof sample, example: sample }
}

/** `{"data": …}`: the only input, or an object of all (as `decodeFeeds` takes them). */
function tensorInput(inputs: readonly TensorInfo[], examples: readonly unknown[]): JsonSchema {
  const data = byName(inputs, examples)
  return withExample(
    { type: 'object', properties: { data } },
    data.example === undefined ? undefined : { data: data.example },
  )
}

function tensorOutput({ inputs, outputs }: LoadReport, examples: readonly unknown[]): JsonSchema {
  const sizes = new Map(inputs.flatMap((input, index) => sizesIn(input, examples[index])))
  return byName(
    outputs,
    outputs.map(output => zeros(output, sizes)),
  )
}

/** A single tensor as it is, several in an object. */
function byName(tensors: readonly TensorInfo[], examples: readonly unknown[]): JsonSchema {
  const [only] = tensors
  if (tensors.length === 1 && only) return tensorSchema(only, examples[0])
  const names = tensors.map(({ name }) => name)
  const properties = Object.fromEntries(tensors.map(tensor => [tensor.name, tensorSchema(tensor, undefined)]))
  const isComplete = examples.every(example => example !== undefined)
  return withExample(
    { type: 'object', ...(names.length > 0 ? { required: names } : {}), properties },
    isComplete ? Object.fromEntries(names.map((name, index) => [name, examples[index]])) : undefined,
  )
}

/** One example per input: from the sample, else zeros. */
function tensorExamples(inputs: readonly TensorInfo[], sample: unknown): unknown[] {
  const data = member(sample, 'data')
  const [only] = inputs
  if (inputs.length === 1 && only) return [member(data, only.name) ?? data ?? zeros(only, new Map())]
  return inputs.map(input => member(data, input.name) ?? zeros(input, new Map()))
}

function member(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

/** `"encoding": "json-string"`: the answer is a string that holds JSON. */
function asText({ example }: JsonSchema): JsonSchema {
  return withExample({ type: 'string' }, example === undefined ? undefined : encode(example))
}

function withExample(schema: JsonSchema, example: unknown): JsonSchema {
  return example === undefined ? schema : { ...schema, example }
}
