import { statusOf } from '../errors.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import { isJson } from '../protocols/http/media-type.ts'
import type { WholeResult } from '../scheduling/inference-result.ts'

/** Why a request gave no predictions. */
export interface RequestFailure {
  readonly code: string
  readonly message: string
  /** Of the server's kind (5xx): the same request may fare better the next time. */
  readonly mayPass: boolean
}

/**
 * JSON text of what the service answered, on one line. A `json-string` is unpacked: it is how older clients have JSON
 * packed, and nobody wants that in a file.
 */
export function contentOf(
  answer: WholeResult,
  encoding: ServiceDefinition['response']['encoding'],
): string | RequestFailure {
  if (answer.kind === 'failure') {
    const { code, message } = answer
    return { code, message, mayPass: statusOf[code] >= 500 }
  }
  if (answer.kind === 'encoded') return encoding === 'json-string' ? JSON.parse(answer.body) : answer.body
  if (answer.kind === 'tensors') throw new TypeError('the azureml codec writes no tensors')
  const { status, headers, body } = answer
  const text = textOf(body)
  if (status >= 400) return { ...refusalIn(status, text), mayPass: status >= 500 }
  if (text === undefined) {
    const message = `The service answered with ${body.byteLength} bytes that are no text, and so no prediction.`
    return { code: 'OUTPUT_NOT_SERIALISABLE', message, mayPass: false }
  }
  if (text === '') return 'null'
  const contentType = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  // Line breaks in JSON are white space: those of strings are escaped.
  return isJson(contentType) && parse(text) ? text.replace(/[\r\n]+/g, ' ') : JSON.stringify(text)
}

/** A script that answers by itself has words of its own, and a code perhaps. */
function refusalIn(status: number, text: string | undefined): { code: string; message: string } {
  const { code, message } = (parse(text ?? '')?.value ?? {}) as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : `HTTP_${status}`,
    message: typeof message === 'string' ? message : `The service answered with status ${status}.`,
  }
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}

/** @returns undefined: it is no JSON */
function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}
