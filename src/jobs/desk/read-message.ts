import * as z from 'zod'
import { ScoringError } from '../../errors.ts'
import { JsonError } from '../../tensor/json-reader.ts'
import { parseJson } from '../../tensor/json-source.ts'
import { cutObject } from '../json-cut.ts'

/** A message that came before, when its service had too many jobs. */
const Waiting = z.strictObject({ messageId: z.string(), since: z.int().min(0) })
const WaitingMessage = z.strictObject({ waiting: Waiting, submission: z.unknown() })

export interface ReadMessage {
  /** Not checked yet. */
  readonly submission: unknown
  /** Its JSON as it came: digits beyond a double are in there. */
  readonly json: string
  /** As which message it came first, and when (milliseconds since 1970); absent: this is the first time. */
  readonly waiting?: z.infer<typeof Waiting>
}

/**
 * The submission that a message holds: JSON, or JSON in base64, which many clients of queues make of every message. A host
 * may have parsed it already.
 *
 * @throws ScoringError JOB_INVALID saying why it is neither
 */
export function readMessage(content: unknown): ReadMessage {
  const { value, json } =
    typeof content === 'string'
      ? parsedOf(content.replace(/^\uFEFF/, ''))
      : { value: content, json: JSON.stringify(content) }
  const { data } = WaitingMessage.safeParse(value)
  if (!data) return { submission: value, json }
  return { submission: data.submission, json: cutObject(json)?.get('submission') as string, waiting: data.waiting }
}

/** The message that will be read again. */
export function waitingMessage(json: string, waiting: z.infer<typeof Waiting>): string {
  return `{"waiting":${JSON.stringify(waiting)},"submission":${json}}`
}

interface Parsed {
  readonly value: unknown
  readonly json: string
}

function parsedOf(content: string): Parsed {
  // So a carriage return comes back that a client of the storage has escaped; in JSON it stands between values only.
  const plain = parse(
    content.includes('&#xD;') && 'fault' in parse(content) ? content.replaceAll('&#xD;', '\r') : content,
  )
  if (!('fault' in plain)) return plain
  const text = textInBase64(plain.json)
  if (text === undefined) throw invalid(`The message is neither JSON (${plain.fault}) nor base64 of JSON.`)
  const packed = parse(text)
  if ('fault' in packed) throw invalid(`The message is base64 of what is no JSON: ${packed.fault}.`)
  return packed
}

function parse(json: string): Parsed | { readonly fault: string; readonly json: string } {
  try {
    return { value: parseJson(json, true).value, json }
  } catch (failure) {
    if (failure instanceof JsonError) return { fault: failure.message, json }
    return { fault: 'it is nested too deeply', json } // for a stack of calls
  }
}

/** @returns undefined: it is no base64, or not of text */
function textInBase64(text: string): string | undefined {
  const packed = text.replace(/\s/g, '')
  if (packed === '' || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(packed, 'base64'))
  } catch {
    return undefined
  }
}

function invalid(message: string): ScoringError {
  return new ScoringError('JOB_INVALID', message)
}
