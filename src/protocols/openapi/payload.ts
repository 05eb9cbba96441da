/** Describes input and output of a service as the schemas `ServiceInput` and `ServiceOutput` of its document. */
import { isDeepStrictEqual } from 'node:util'
import { chooseDescribed } from '../../inference/describe-service.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { isAnsweredByScript } from '../../models/definition/answered-by-script.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { outputsOfGraph } from '../../models/session/model-session.ts'
import { encode } from '../../tensor/python-json.ts'
import type { JsonSchema } from './dialect.ts'
import { dataExample, dataSchema, exampleSizes } from './rows.ts'
import { recordSchema, tensorSchema, zeros } from './tensor.ts'
import type { OpenApiVersion } from './version.ts'

/** Samples with more characters are not shown. */
export const maxSampleLength = 100_000

/** Schema of scripts that declare nothing, as in Azure ML (guide/contract.md). */
const undeclared: JsonSchema = { type: 'object', example: {} }

interface Payload {
  readonly input: JsonSchema
  readonly output: JsonSchema
  /** Whether the example only shows the form, because no made-up values could be scored. */
  readonly isForm: boolean
}

export function describePayload(service: ScoringService, report: LoadReport, version: OpenApiVersion): Payload {
  const definition = chooseDescribed(service)
  const sample = parseSample(report.inputSample)
  const hasTensors = report.scriptKind === 'typed' && report.inputJsonSchema === undefined
  const example = hasTensors ? dataExample(report, definition, sample) : undefined
  const input = hasTensors
    ? withExample(
        { type: 'object', properties: { data: dataSchema(report, definition, version) } },
        example === undefined ? undefined : { data: example },
      )
    : otherInput(report, sample)
  const { encoding, nonFinite } = definition.response
  const output = isAnsweredByScript(definition)
    ? scriptOutput(report)
    : tensorOutput(report, example, nonFinite === 'null')
  return {
    input,
    output: encoding === 'json-string' ? asText(output, report.outputSample) : output,
    isForm: input.example !== undefined && input !== undeclared && !report.isSampleScored,
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

/** Returns the declared schema, else an open schema of the sample's kind. */
function otherInput({ inputJsonSchema }: LoadReport, sample: unknown): JsonSchema {
  if (inputJsonSchema) return sample === undefined ? inputJsonSchema : { ...inputJsonSchema, example: sample }
  if (sample === undefined) return undeclared
  if (Array.isArray(sample)) return { type: 'array', items: {}, example: sample }
  return sample === null ? { example: sample } : { type: typeof sample, example: sample }
}

/** Describes tensors, with the answer to the sample as example, else zeros for as many rows as the input's example has. */
function tensorOutput({ inputs, outputs, outputSample }: LoadReport, example: unknown, mayBeNull: boolean) {
  const sizes = exampleSizes(inputs, example)
  // An example that holds null, for NaN, would violate its schema.
  const scored = parseSample(outputSample)
  const answer = holdsNull(scored) ? undefined : scored
  const members = [...outputsOfGraph(outputs)].map(([name, tensors]) => {
    const isList = tensors[0]?.list !== undefined
    const schemas = tensors.map(tensor => tensorSchema(tensor, mayBeNull))
    const examples = tensors.map(tensor => zeros(tensor, sizes))
    return isList
      ? { name, schema: listSchema(schemas), example: examples.includes(undefined) ? undefined : examples }
      : { name, schema: schemas[0] as JsonSchema, example: examples[0] }
  })
  const [only] = members
  if (members.length === 1 && only) return withExample(only.schema, answer ?? only.example)
  const examples = members.map(({ name, example }) => [name, example] as const)
  const made = examples.every(([, example]) => example !== undefined) ? Object.fromEntries(examples) : undefined
  return withExample(recordSchema(members.map(({ name, schema }) => [name, schema])), answer ?? made)
}

/** Describes a list of tensors, with a common schema if they have one. */
function listSchema(schemas: readonly JsonSchema[]): JsonSchema {
  const [first] = schemas
  const isOfOne = schemas.every(schema => isDeepStrictEqual(schema, first))
  return { type: 'array', items: isOfOne && first ? first : {}, description: `${schemas.length} tensors` }
}

function holdsNull(value: unknown): boolean {
  if (typeof value !== 'object') return false
  return value === null || Object.values(value).some(holdsNull)
}

/** Returns the schema that is declared or inferred from the answer to the sample, else Azure ML's for scripts without one. */
function scriptOutput({ outputJsonSchema, outputSample }: LoadReport): JsonSchema {
  return outputJsonSchema ? withExample(outputJsonSchema, parseSample(outputSample)) : undeclared
}

/** Describes a string that holds JSON, for `"encoding": "json-string"`. */
function asText({ example }: JsonSchema, answer: string | undefined): JsonSchema {
  return withExample({ type: 'string' }, answer ?? (example === undefined ? undefined : encode(example)))
}

function withExample(schema: JsonSchema, example: unknown): JsonSchema {
  return example === undefined ? schema : { ...schema, example }
}
