import { TensorInput } from '../../scripts/api.ts'
import { isResponse } from '../../scripts/script-response.ts'
import type { WarmUp } from '../../scripts/warm-up.ts'
import { encode } from '../../tensor/python-json.ts'
import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { fits } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { OutputDescription } from '../../workers/runtime/load-service.ts'
import { inferAnswerSchema } from './answer.ts'
import { readJsonSchema } from './declared.ts'
import { maxSampleLength } from './payload.ts'
import { tensorSchema } from './tensor.ts'

interface Schema {
  safeParse(value: unknown): { success: boolean }
}

/**
 * What the service's document says of its answers: what the script declares as `output`, else what the answer to the
 * sample shows. Plain data, which crosses to the main thread.
 */
export function describeOutput(declared: unknown, answer: WarmUp['answer'], nonFinite: NonFinite): OutputDescription {
  const text = answer && encodeText(answer.result, nonFinite)
  const sample = text !== undefined && text.length <= maxSampleLength ? text : undefined
  if (declared instanceof TensorInput) {
    const { dtype, shape } = declared
    const jsonSchema = tensorSchema({ name: 'output', dtype, shape }, nonFinite === 'null')
    const isLike = sample !== undefined && isTensorLike(declared, answer?.result, sample)
    // An answer that belongs to the input that is shown tells more than the numbers that say which shape is meant.
    if (isLike) return { jsonSchema, sample, notes: [] }
    return {
      jsonSchema,
      sample: encodeText(declared.sample, nonFinite),
      notes: sample === undefined ? [] : [otherAnswer],
    }
  }
  const shown = text === undefined ? undefined : inferAnswerSchema(answer?.result)
  if (declared === undefined) return { jsonSchema: shown, sample, notes: [] }
  const jsonSchema = readJsonSchema(declared, 'output') ?? shown
  if (sample === undefined || suits(declared as Schema, answer?.result, sample))
    return { jsonSchema, sample, notes: [] }
  return { jsonSchema, notes: [otherAnswer] }
}

const otherAnswer = 'the answer to the sample is not what the script declares as output'

/** @returns undefined for what has no JSON of its own: a response, or what cannot be written */
function encodeText(result: unknown, nonFinite: NonFinite): string | undefined {
  if (isResponse(result)) return undefined
  try {
    return encode(result ?? {}, nonFinite)
  } catch {
    return undefined // callers are told, with the cause in the log
  }
}

/** A tensor of the declared shape, or lists that make one. */
function isTensorLike({ dtype, shape }: TensorInput, result: unknown, text: string): boolean {
  try {
    return fits((result instanceof Tensor ? result : Tensor.from(dtype, JSON.parse(text))).shape, shape)
  } catch {
    return false
  }
}

/** Either way: a schema may have in mind the date that `run` returns, or the list that a tensor becomes. */
function suits(schema: Schema, result: unknown, text: string): boolean {
  try {
    return schema.safeParse(result).success || schema.safeParse(JSON.parse(text)).success
  } catch {
    return false // bare NaN is no JSON
  }
}
