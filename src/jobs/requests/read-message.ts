import * as z from 'zod'
import { JsonError } from '../../tensor/json-reader.ts'
import { parseJson } from '../../tensor/json-source.ts'
import { splitObject } from '../formats/split-json.ts'
import { invalidJob } from './job-invalid.ts'

/** Added to a submission that was put back into its queue because its service had too many active jobs. */
const Waiting = z.strictObject({ messageId: z.string(), since: z.int().min(0) })
const WaitingMessage = z.strictObject({ waiting: Waiting, submission: z.unknown() })

export interface SubmissionMessage {
  /** Not validated yet. */
  readonly submission: unknown
  /** The JSON text as received, which holds digits beyond a double. */
  readonly json: string
  /** Id and time (milliseconds since 1970) of the first message; absent when this is the first. */
  readonly waiting?: z.infer<typeof Waiting>
}

/**
 * Reads the submission in a queue message: JSON, or base64 of JSON, which many queue clients send. Some hosts pass parsed JSON.
 *
 * @throws ScoringError JOB_INVALID that says why the text is neither
 */
export function readMessage(content: unknown): SubmissionMessage {
  const { value, json } =
    typeof content === 'string'
      ? parseContent(content.replace(/^\uFEFF/, ''))
      : { value: content, json: JSON.stringify(content) }
  const { data } = WaitingMessage.safeParse(value)
  if (!data) return { submission: value, json }
  return { submission: data.submission, json: splitObject(json)?.get('submission') as string, waiting: data.waiting }
}

/** The counterpart of `readMessage` for a submission that has to wait. */
export function encodeWaitingMessage(json: string, waiting: z.infer<typeof Waiting>): string {
  return `{"waiting":${JSON.stringify(waiting)},"submission":${json}}`
}

interface Parsed {
  readonly value: unknown
  readonly json: string
}

function parseContent(content: string): Parsed {
  // Some storage clients escape carriage returns and do not restore them. In JSON they stand between values only.
  const plain = parse(
    content.includes('&#xD;') && 'fault' in parse(content) ? content.replaceAll('&#xD;', '\r') : content,
  )
  if (!('fault' in plain)) return plain
  const text = decodeBase64(plain.json)
  if (text === undefined) throw invalidJob(`The message is neither JSON (${plain.fault}) nor base64 of JSON.`)
  const packed = parse(text)
  if ('fault' in packed) throw invalidJob(`The message is base64 of text that is not JSON: ${packed.fault}.`)
  return packed
}

function parse(json: string): Parsed | { readonly fault: string; readonly json: string } {
  try {
    return { value: parseJson(json, true).value, json }
  } catch (failure) {
    if (failure instanceof JsonError) return { fault: failure.message, json }
    return { fault: 'it is nested too deeply', json } // the parser ran out of stack
  }
}

/** @returns undefined when the text is not base64 of UTF-8 */
function decodeBase64(text: string): string | undefined {
  const packed = text.replace(/\s/g, '')
  if (packed === '' || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(packed, 'base64'))
  } catch {
    return undefined
  }
}
