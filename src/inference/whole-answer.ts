import type { ScoringAnswer, WholeAnswer } from '../scheduling/dispatch.ts'

/** The answer with its body, of which the rest may still have to come: for those who cannot pass it on as it comes. */
export async function wholeAnswer(answer: ScoringAnswer): Promise<WholeAnswer> {
  if (!('body' in answer)) return answer
  const { body, ...rest } = answer
  if (body instanceof Uint8Array) return { ...rest, body }
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of body) pieces.push(piece)
  } catch (failure) {
    return { code: 'ENTRY_SCRIPT_FAILED', message: `${(failure as Error).message}. Check the logs for more info.` }
  }
  return { ...rest, body: Buffer.concat(pieces) }
}
