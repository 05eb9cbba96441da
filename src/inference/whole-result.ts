import { failure, type InferenceResult, type WholeResult } from '../scheduling/inference-result.ts'

/** Waits for the rest of a body that is a stream, for callers who cannot pass it on as it comes. */
export async function readWholeResult(result: InferenceResult): Promise<WholeResult> {
  if (result.kind !== 'response') return result
  const { body, ...rest } = result
  if (body instanceof Uint8Array) return { ...rest, body }
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of body) pieces.push(piece)
  } catch (cause) {
    return failure('ENTRY_SCRIPT_FAILED', `${(cause as Error).message}. Check the logs for more info.`)
  }
  return { ...rest, body: Buffer.concat(pieces) }
}
