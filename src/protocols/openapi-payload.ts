/** What a service takes and gives back, as the schemas `ServiceInput` and `ServiceOutput` of its document. */
import type { LoadReport } from '../engine/hand-over.ts'
import type { TensorInfo } from '../engine/model-session.ts'
import type { ScoringService } from '../scoring/scoring-service.ts'
import { isAnsweredByScript } from '../service/answered-by-script.ts'
import { encode } from '../tensor/python-json.ts'
import type { JsonSchema } from './openapi-dialect.ts'
import { dataExample, dataSchema, sizesOf } from './openapi-rows.ts'
import { tensorSchema, zeros } from './openapi-tensor.ts'
import type { OpenApiVersion } from './openapi-version.ts'

/** Characters of JSON; a longer sample is not shown. */
export const maxSampleLength = 100_000

/** What Azure ML says of scripts that declare nothing (contract, section 6). */
const undeclared: JsonSchema = { type: 'object', example: {} }

export interface Payload {
  readonly input: JsonSchema
  readonly output: JsonSchema
}

export function payloadOf({ definition }: ScoringService, report: LoadReport, version: OpenApiVersion): Payload {
  const sample = parseSample(report.inputSample)
  const hasTensors = report.scriptKind === 'typed' && report.inputJsonSchema === undefined
  const example = hasTensors ? dataExample(report.inputs, definition, sample) : undefined
  const { encoding, nonFinite } = definition.response
  const output = isAnsweredByScript(definition)
    ? scriptOutput(report)
    : tensorOutput(report, example, nonFinite === 'null')
  return {
    input: hasTensors
      ? withExample(
          { type: 'object', properties: { data: dataSchema(report.inputs, definition, version) } },
          example === undefined ? undefined : { data: example },
        )
      : otherInput(report, sample),
    output: encoding === 'json-string' ? asText(output, report.outputSample) : output,
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

/** The answer to the sample, else zeros for as many rows as the example of the input has. */
function tensorOutput({ inputs, outputs, outputSample }: LoadReport, example: unknown, mayBeNull: boolean) {
  const sizes = sizesOf(inputs, example)
  const answer = parseSample(outputSample)
  const made = exampleByName(
    outputs,
    outputs.map(output => zeros(output, sizes)),
  )
  return withExample(schemaByName(outputs, mayBeNull), answer ?? made)
}

/** Declared, or read off the answer to the sample; else what Azure ML says of scripts that declare nothing. */
function scriptOutput({ outputJsonSchema, outputSample }: LoadReport): JsonSchema {
  return outputJsonSchema ? withExample(outputJsonSchema, parseSample(outputSample)) : undeclared
}

/** A single tensor as it is, several in an object. */
function schemaByName(tensors: readonly TensorInfo[], mayBeNull: boolean): JsonSchema {
  const [only] = tensors
  if (tensors.length === 1 && only) return tensorSchema(only, mayBeNull)
  const names = tensors.map(({ name }) => name)
  const properties = Object.fromEntries(tensors.map(tensor => [tensor.name, tensorSchema(tensor, mayBeNull)]))
  return { type: 'object', ...(names.length > 0 ? { required: names } : {}), properties }
}

/** @returns undefined when one of the examples is not there */
function exampleByName(tensors: readonly TensorInfo[], examples: readonly unknown[]): unknown {
  if (tensors.length === 1) return examples[0]
  const isComplete = examples.every(example => example !== undefined)
  return isComplete ? Object.fromEntries(tensors.map(({ name }, index) => [name, examples[index]])) : undefined
}

/** `"encoding": "json-string"`: the answer is a string that holds JSON. */
function asText({ example }: JsonSchema, answer: string | undefined): JsonSchema {
  return withExample({ type: 'string' }, answer ?? (example === undefined ? undefined : encode(example)))
}

function withExample(schema: JsonSchema, example: unknown): JsonSchema {
  return example === undefined ? schema : { ...schema, example }
}
