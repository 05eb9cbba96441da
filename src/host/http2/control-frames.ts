/** So many frames without a purpose … */
const maxFrames = 1000
/** … within this time are a flood … */
const windowMs = 10_000
/** … unless the client got this much for each: gRPC clients measure the connection with PINGs while they receive. An acknowledgement alone has 17 bytes, 46 with TLS. */
const usefulBytes = 64

/** What a client got so far. */
export interface Progress {
  /** Bytes that were sent to it. */
  readonly bytesWritten: number
  /** Requests that it has made. */
  readonly streamCount: number
}

/**
 * Counts the frames of one connection that Node.js answers by itself (PING, SETTINGS), or that nobody needs (PRIORITY). A
 * client may send any number of them, and each takes processor time.
 */
export class ControlFrames {
  #count = 0
  #since = 0
  #before: Progress = { bytesWritten: 0, streamCount: 0 }

  /**
   * Counts one frame.
   *
   * @param now  milliseconds
   * @returns whether the client floods this server
   */
  isFlood(now: number, progress: Progress): boolean {
    if (this.#count === 0 || now - this.#since > windowMs) {
      this.#count = 0
      this.#since = now
      this.#before = progress
    }
    if (++this.#count < maxFrames) return false
    const bytes = progress.bytesWritten - this.#before.bytesWritten
    const streams = progress.streamCount - this.#before.streamCount
    const isUseful = bytes >= usefulBytes * this.#count || streams >= this.#count / 10
    this.#count = 0
    return !isUseful
  }
}
