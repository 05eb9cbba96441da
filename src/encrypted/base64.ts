import { refusal } from './seal-fields.ts'

/**
 * Decodes base64 as it is written by every encoder: with padding, and without other characters or left-over bits.
 *
 * @param maxBytes  of the result
 * @throws ScoringError INPUT_INVALID
 */
export function decodeBase64(text: string, maxBytes: number, subject: string): Uint8Array<ArrayBuffer> {
  const maxLength = Math.ceil(maxBytes / 3) * 4
  if (text.length > maxLength) throw refusal(subject, `it has ${text.length} characters, more than ${maxLength}`)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw refusal(subject, 'it is not base64 with padding')
  return bytes
}
