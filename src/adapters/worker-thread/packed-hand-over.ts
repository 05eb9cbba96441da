import {
  movedFromBytes,
  type RequestDetails,
  type ScoringAnswer,
  type ScoringRequest,
  type StageTimes,
} from '../../engine/hand-over.ts'

/**
 * A hand-over as it crosses to the thread. Every object that crosses is written and read key by key, and every buffer is
 * allocated anew, so small bodies share one buffer and what is alike is said once.
 */
export interface PackedRequests {
  /** The small bodies, one after the other, each at a multiple of 8 bytes, so that numbers in it can be read in place. */
  readonly small: Uint8Array
  /** Bytes of each body in `small`; -1: it is the next one of `moved`. */
  readonly lengths: readonly number[]
  readonly moved: readonly Uint8Array[]
  /** One for all, or one for each. */
  readonly contentType: string | undefined | readonly (string | undefined)[]
  readonly details: readonly (RequestDetails | undefined)[] | undefined
}

export function packRequests(requests: readonly ScoringRequest[]): PackedRequests {
  let bytes = 0
  const lengths: number[] = []
  const moved: Uint8Array[] = []
  for (const { body } of requests) {
    const isMoved = body.length >= movedFromBytes
    lengths.push(isMoved ? -1 : body.length)
    if (isMoved) moved.push(body)
    else bytes += aligned(body.length)
  }
  const small = new Uint8Array(bytes)
  let offset = 0
  for (const { body } of requests) {
    if (body.length >= movedFromBytes) continue
    small.set(body, offset)
    offset += aligned(body.length)
  }
  const first = requests[0]?.contentType
  const isAlike = requests.every(({ contentType }) => contentType === first)
  return {
    small,
    lengths,
    moved,
    contentType: isAlike ? first : requests.map(({ contentType }) => contentType),
    details: requests.some(({ details }) => details) ? requests.map(({ details }) => details) : undefined,
  }
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8
}

/** Buffers to move rather than copy. */
export function buffersToMove({ small, moved }: PackedRequests): ArrayBuffer[] {
  const bodies = moved.map(body => body.buffer as ArrayBuffer)
  // `small` is a copy already, that nobody else needs; moving pays from some size on.
  return small.byteLength < 65_536 ? bodies : [small.buffer as ArrayBuffer, ...bodies]
}

export function unpackRequests({ small, lengths, moved, contentType, details }: PackedRequests): ScoringRequest[] {
  let offset = 0
  let nextMoved = 0
  return lengths.map((length, index) => {
    const body = length < 0 ? (moved[nextMoved++] as Uint8Array) : small.subarray(offset, offset + length)
    if (length > 0) offset += aligned(length)
    return {
      body,
      contentType: Array.isArray(contentType) ? contentType[index] : contentType,
      details: details?.[index],
    } as ScoringRequest
  })
}

/** Answers on their way back: JSON, which most are, as two lists. */
export interface PackedAnswers {
  readonly json: readonly (string | undefined)[]
  readonly execMs: readonly number[]
  /** Of each answer: `batchMs`, `decodeMs` and `encodeMs`. */
  readonly times: readonly number[]
  /** Those that are not JSON, by their place. */
  readonly others: readonly (readonly [place: number, answer: ScoringAnswer])[]
}

export function packAnswers(answers: readonly ScoringAnswer[], times: readonly number[]): PackedAnswers {
  const json: (string | undefined)[] = []
  const execMs: number[] = []
  const others: [number, ScoringAnswer][] = []
  for (const [place, answer] of answers.entries()) {
    const isJson = 'json' in answer
    json.push(isJson ? answer.json : undefined)
    execMs.push(isJson ? answer.execMs : 0)
    if (!isJson) others.push([place, answer])
  }
  return { json, execMs, times, others }
}

export function unpackAnswers({ json, execMs, times, others }: PackedAnswers): ScoringAnswer[] {
  const timesOf = (place: number): StageTimes => ({
    queueMs: 0,
    batchMs: times[3 * place] as number,
    decodeMs: times[3 * place + 1] as number,
    encodeMs: times[3 * place + 2] as number,
  })
  const answers = json.map(
    (text, place) => ({ json: text, execMs: execMs[place], times: timesOf(place) }) as ScoringAnswer,
  )
  for (const [place, answer] of others)
    answers[place] = 'code' in answer ? answer : { ...answer, times: timesOf(place) }
  return answers
}
