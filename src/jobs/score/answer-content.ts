import { statusOf } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { WholeResult } from '../../scheduling/inference-result.ts'
import { isJson } from '../../scripts/media-type.ts'

/** The failure of a request. */
export interface RequestFailure {
  readonly code: string
  readonly message: string
  /** A status of 5xx: a retry of the same request may succeed. */
  readonly isTemporary: boolean
}

/**
 * The answer of a service as JSON text on one line. A `json-string` is unpacked, because it serves older HTTP clients and has no
 * use in a file.
 */
export function answerContent(
  answer: WholeResult,
  encoding: ServiceDefinition['response']['encoding'],
): string | RequestFailure {
  if (answer.kind === 'failure') {
    const { code, message } = answer
    return { code, message, isTemporary: statusOf[code] >= 500 }
  }
  if (answer.kind === 'encoded') return encoding === 'json-string' ? JSON.parse(answer.body) : answer.body
  if (answer.kind !== 'response') throw new TypeError(`the azureml codec writes no ${answer.kind}`)
  const { status, headers, body } = answer
  const text = decodeText(body)
  if (status >= 400) return { ...describeRefusal(status, text), isTemporary: status >= 500 }
  if (text === undefined) {
    const message = `The service answered with ${body.byteLength} bytes that are not UTF-8 text, so there is no prediction.`
    return { code: 'OUTPUT_NOT_SERIALISABLE', message, isTemporary: false }
  }
  if (text === '') return 'null'
  const contentType = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  // Line breaks in JSON text are white space, because strings escape theirs.
  return isJson(contentType) && parse(text) ? text.replace(/[\r\n]+/g, ' ') : JSON.stringify(text)
}

/** Reads the message and the code, if any, of an error response that a script wrote. */
function describeRefusal(status: number, text: string | undefined): { code: string; message: string } {
  const { code, message } = (parse(text ?? '')?.value ?? {}) as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : `HTTP_${status}`,
    message: typeof message === 'string' ? message : `The service answered with status ${status}.`,
  }
}

function decodeText(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}

/** @returns undefined when the text is not JSON */
function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}
