import { ScoringError } from '../../errors.ts'
import { findJsonError } from '../../protocols/json-error.ts'
import { exactInteger } from '../../tensor/json-source.ts'

/**
 * The submission that a message holds: JSON, or JSON in base64, which many clients of queues make of every message. A host
 * may have parsed it already.
 *
 * @throws ScoringError JOB_INVALID saying why it is neither
 */
export function readMessage(content: unknown): unknown {
  if (typeof content !== 'string') return content
  const plain = parse(content)
  if ('value' in plain) return plain.value
  const text = textInBase64(content)
  if (text === undefined) throw invalid(`The message is neither JSON (${plain.fault}) nor base64 of JSON.`)
  const packed = parse(text)
  if ('value' in packed) return packed.value
  throw invalid(`The message is base64 of what is no JSON: ${packed.fault}.`)
}

function parse(text: string): { value: unknown } | { fault: string } {
  try {
    return { value: JSON.parse(text, exactInteger) }
  } catch {
    return { fault: faultOf(text) }
  }
}

function faultOf(text: string): string {
  try {
    return findJsonError(text)
  } catch {
    return 'it is nested too deeply' // for a stack of calls
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
