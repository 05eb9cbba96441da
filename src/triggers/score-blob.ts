/** The blob trigger: each blob is a body, and its answer goes to the blob at the output path. */
import type { BlobTrigger } from '../models/definition/triggers.ts'
import { quoted } from '../telemetry/log.ts'
import { asBytes, type Message } from './message.ts'
import { describeError, MessageFailed, type Scoring, scoreMessage } from './score-message.ts'

/** What the host tells of a blob; only what is used here. */
export interface BlobFacts {
  /** Container and path. */
  readonly blobTrigger?: unknown
  readonly properties?: unknown
}

/** Blobs that are uploaded without a type have this one. */
const untyped = 'application/octet-stream'

/** By the ending of the name. */
const types: Readonly<Record<string, string>> = {
  json: 'application/json',
  npy: 'application/x-npy',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  txt: 'text/plain',
}

/**
 * Scores a blob.
 *
 * @returns the answer, for the blob at the output path: the same blob gets the same answer, however often it is scored
 * @throws MessageFailed when it cannot be scored: the host tries again, and then writes a message to `webjobs-blobtrigger-poison`
 */
export async function scoreBlob(
  input: unknown,
  facts: BlobFacts,
  trigger: BlobTrigger,
  { id, log, ...scoring }: Scoring & { id: string; log: (line: string) => void },
): Promise<Uint8Array> {
  const name = quoted(String(facts.blobTrigger ?? 'unnamed'))
  const outcome = await scoreMessage(readBlob(asBytes(input), facts, trigger, id), scoring)
  if (outcome.kind === 'answered') return outcome.answer.body
  if (outcome.kind === 'refused') {
    outcome.metrics?.messageRefused(scoring.trigger)
    log(`blob ${name} cannot be scored, now or later: ${describeError(outcome.error)}`)
  }
  throw new MessageFailed(`blob ${name}`, outcome.error)
}

/** @param id  of the invocation */
export function readBlob(body: Uint8Array, facts: BlobFacts, trigger: BlobTrigger, id: string): Message {
  const properties = (facts.properties ?? {}) as { contentType?: unknown; contentEncoding?: unknown }
  const given = typeof properties.contentType === 'string' ? properties.contentType : ''
  const ending = /\.(\w+)$/.exec(String(facts.blobTrigger ?? ''))?.[1]?.toLowerCase() ?? ''
  const byName = Object.hasOwn(types, ending) ? types[ending] : untyped
  const contentType = trigger.contentType ?? (given === '' || given === untyped ? byName : given)
  const encoding = properties.contentEncoding
  return {
    body,
    contentType: contentType as string,
    contentEncoding: typeof encoding === 'string' && encoding !== '' ? encoding : undefined,
    id,
    source: trigger.input,
  }
}
