/** Lines of the output as they cross from a scoring thread: the number of failed rows before them. */
import type { EncodedBytes } from '../../scheduling/inference-result.ts'

interface RowLines {
  readonly text: string
  readonly failed: number
}

export function writeRowLines({ text, failed }: RowLines): EncodedBytes {
  const head = String(failed)
  return { kind: 'bytes', body: new TextEncoder().encode(head + text), textBytes: head.length }
}

/** @returns the lines as bytes */
export function readRowLines({ body, textBytes }: EncodedBytes): {
  readonly lines: Uint8Array
  readonly failed: number
} {
  const head = Buffer.from(body.buffer, body.byteOffset, textBytes).toString('latin1')
  return { lines: body.subarray(textBytes), failed: Number(head) }
}
