import type { ServerSessionOptions } from 'node:http2'
import { maxHeadBytes } from '../http/refusal.ts'

/** Limits of HTTP/2 that Node.js does not keep. Times are milliseconds. */
export interface Http2Limits {
  /** Connections without a request; beyond it, those that have had none for longest are closed. */
  readonly maxIdleSessions: number
  /** Requests of all connections together; beyond it, they are refused in a way that lets clients try again. */
  readonly maxOpenStreams: number
  /** Longest time of a connection without a request. */
  readonly idleMs: number
  /** Deadline for a whole request, without its response. Calls of gRPC have their own. */
  readonly requestMs: number
  /** Time between two looks at them. */
  readonly checkMs: number
}

/** `idleMs` and `requestMs` are those of HTTP/1.1. */
export const defaultLimits: Http2Limits = {
  maxIdleSessions: 1000,
  maxOpenStreams: 4096,
  idleMs: 72_000,
  requestMs: 300_000,
  checkMs: 5000,
}

/**
 * What a client may send ahead of the function that reads it: of one request, and of one connection. Node's 64 KiB would
 * cost a round trip for each. So a connection holds at most 16 MiB that are not read yet; a body that is read belongs to its
 * function, within `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` and the byte budget of the services.
 */
const streamWindowBytes = 2 * 2 ** 20
export const sessionWindowBytes = 16 * 2 ** 20

/** What Node.js keeps to for each connection. */
export const sessionOptions: ServerSessionOptions = {
  settings: {
    maxConcurrentStreams: 256,
    initialWindowSize: streamWindowBytes,
    // Twice of what is accepted: a request between the two is refused with a sentence instead of a reset stream.
    maxHeaderListSize: 2 * maxHeadBytes,
  },
  maxHeaderListPairs: 256,
  // Answers count as well, of which a client with many requests in flight may have large ones.
  maxSessionMemory: 1000, // MB
  maxSessionInvalidFrames: 1000,
  // A client that does not know the limit of streams yet may exceed it; one that goes on is disconnected.
  maxSessionRejectedStreams: 1000,
  // Cancelled calls are usual with gRPC; a client that cancels more than this at a time is disconnected.
  streamResetBurst: 1000,
  streamResetRate: 33, // a second
}
