import { BodyTooLarge, bodyTooLarge, ScoringError } from '../../errors.ts'
import { leadBefore } from '../../scheduling/body-memory.ts'
import type { HeldBytes } from '../../scheduling/byte-budget.ts'
import type { DecompressionLimits } from '../../scheduling/concurrency-limit.ts'
import { unpackBody } from './content-encoding.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { WireRequest } from './wire.ts'

/** The account of a request whose body is read. */
export interface BodyAccount {
  /** Bytes that the request holds; none yet. */
  readonly held: HeldBytes
  /** Limits how many bodies of the service are decompressed at a time. */
  readonly decompression: DecompressionLimits
}

/** The slowest upload that is accepted. */
export interface LeastPace {
  readonly everyMs: number
  /** Bytes that have to arrive in that time. */
  readonly bytes: number
}

/** 240 bytes a second, as Kestrel has it, on which Azure Functions runs (KestrelServerLimits.MinRequestBodyDataRate). */
export const leastPace: LeastPace = { everyMs: 60_000, bytes: 60 * 240 }

/** How a body is read. */
interface Reading {
  /** Absent: 240 bytes a second. */
  readonly pace?: LeastPace
  /** The body is for a worker, which may read it in place; absent: it has a buffer of its own. */
  readonly forWorker?: {
    /** Bytes of text at the beginning; what follows them lies at a multiple of 8. */
    readonly textBytes?: number | undefined
  }
}

/** Bodies up to this size usually arrive with their head, so their declared length is accounted for at once. */
export const smallBytes = 16_384

/**
 * Reads and decompresses the body. Bytes are accounted for as they arrive, so a stalled upload holds what it has sent and no more.
 *
 * @throws ScoringError BODY_TOO_LARGE, BODY_ABORTED, REQUEST_TIMEOUT when it stops coming, QUEUE_FULL when there is no
 *   room for it, or what a wrong `Content-Encoding` gives
 */
export async function readBody(
  request: WireRequest,
  maxBodyBytes: number,
  account: BodyAccount,
  { pace = leastPace, forWorker }: Reading = {},
): Promise<Uint8Array> {
  const announced = announcedLength(request)
  if (announced !== undefined && announced > maxBodyBytes) throw bodyTooLarge(maxBodyBytes)
  account.held.requireRoom(announced ?? 0)
  const encoding = request.headers.get('content-encoding')
  const isSmall = announced !== undefined && announced <= smallBytes
  const lead = encoding === null && forWorker ? leadBefore(forWorker.textBytes) : undefined
  const body = isSmall
    ? await readSmall(request, announced, maxBodyBytes, account.held, pace)
    : await readPieces(request, { announced, lead, maxBodyBytes, held: account.held, pace })
  if (encoding === null) return body
  const isAbandoned = () => request.isAbandoned === true
  return unpackBody(body, encoding, maxBodyBytes, { ...account, isAbandoned })
}

/** @returns undefined when it comes in chunks */
function announcedLength({ headers }: WireRequest): number | undefined {
  const text = headers.get('content-length')
  return text === null || headers.get('transfer-encoding') !== null ? undefined : Number(text)
}

async function readSmall(
  request: WireRequest,
  announced: number,
  maxBodyBytes: number,
  held: HeldBytes,
  pace: LeastPace,
): Promise<Uint8Array> {
  held.resize(announced)
  const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>()
  const timer = setTimeout(() => reject(stalled(pace)), pace.everyMs)
  request.arrayBuffer().then(resolve, failure => reject(asBodyFailure(failure, maxBodyBytes)))
  try {
    return new Uint8Array(await promise)
  } finally {
    clearTimeout(timer)
  }
}

interface LargeBody {
  readonly announced: number | undefined
  /** Bytes to leave out before it in shared memory; undefined: it has a buffer of its own. */
  readonly lead: number | undefined
  readonly maxBodyBytes: number
  readonly held: HeldBytes
  readonly pace: LeastPace
}

async function readPieces(
  request: WireRequest,
  { announced, lead, maxBodyBytes, held, pace }: LargeBody,
): Promise<Uint8Array> {
  const shared = announced === undefined || lead === undefined ? undefined : held.takeMemory(announced, lead)
  const body = new GrowingBytes(announced, shared)
  let isOver = false
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  let sizeBefore = 0
  const timer = setInterval(() => {
    if (body.size - sizeBefore < pace.bytes) reject(stalled(pace))
    sizeBefore = body.size
  }, pace.everyMs)
  const fill = async () => {
    await pour(request, piece => {
      if (isOver) throw new Error('nobody reads this body any more')
      if (body.size + piece.byteLength > maxBodyBytes) throw bodyTooLarge(maxBodyBytes)
      held.resize(body.size + piece.byteLength)
      body.append(piece)
    })
    if (!isOver) resolve(body.finish())
  }
  fill().catch(failure => reject(asBodyFailure(failure, maxBodyBytes)))
  try {
    return await promise
  } catch (failure) {
    body.drop()
    throw failure
  } finally {
    isOver = true
    clearInterval(timer)
  }
}

/**
 * Hands over the body as it arrives. Stopping early leaves the connection open, so that the client can read the answer.
 *
 * @throws what `onPiece` throws, which stops it
 */
async function pour(request: WireRequest, onPiece: (piece: Uint8Array) => void): Promise<void> {
  if (request.pour) return request.pour(onPiece)
  for await (const piece of iterateStream(request.body ?? null)) onPiece(piece)
}

/** Yields the body as it comes. Who stops early leaves the connection open, so that the client can read the answer. */
export async function* iterateStream(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (!body) return
  const reader = body.getReader()
  let isEnded = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isEnded = done
      if (done) return
      yield value
    }
  } catch (failure) {
    isEnded = true
    throw failure
  } finally {
    // Cancelling would end the connection under the answer, so what still comes is read and dropped.
    if (!isEnded) void drain(reader)
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client is gone.
  }
}

export function stalled({ everyMs, bytes }: LeastPace): ScoringError {
  return new ScoringError(
    'REQUEST_TIMEOUT',
    `The request body comes too slowly: fewer than ${bytes} bytes of it came within ${everyMs / 1000} s.`,
  )
}

/** @param maxBodyBytes  the limit that a body exceeded if it was too large for the host */
export function asBodyFailure(failure: unknown, maxBodyBytes: number): ScoringError {
  if (failure instanceof ScoringError) return failure
  if (failure instanceof BodyTooLarge) return bodyTooLarge(maxBodyBytes)
  return new ScoringError('BODY_ABORTED', 'The request body ended before it was complete.', { cause: failure })
}
