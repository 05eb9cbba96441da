import type { ServerHttp2Stream } from 'node:http2'
import type { ScoringError } from '../../errors.ts'
import { leastPace, stalled } from '../http/read-body.ts'

/** What has come beyond what is read now, in bytes, from which on the sender is told to wait. */
const readAheadBytes = 65_536

/** Reads a stream piece by piece; what is not asked for stays with the sender, who is bounded by the window of HTTP/2. */
export class ByteSource {
  readonly #stream: ServerHttp2Stream
  readonly #pieces: Uint8Array[] = []
  #size = 0
  #needed = 0
  /** Whether what is waited for has come. */
  #isThere: () => boolean = () => false
  #received = 0
  #isEnded = false
  #failure: ScoringError | undefined
  #wake: (() => void) | undefined

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    stream.on('data', (piece: Uint8Array) => this.#add(piece))
    stream.on('end', () => this.#end())
    stream.on('close', () => this.#end())
    // A stream without a byte may have ended before anybody listened: the first call waits for this code to be loaded.
    if (stream.destroyed || stream.readableEnded) this.#end()
  }

  /** Bytes that have come and are not taken. */
  get size(): number {
    return this.#size
  }

  /** Ends the wait for bytes, and every later one. */
  fail(failure: ScoringError): void {
    this.#failure ??= failure
    this.#wake?.()
  }

  /**
   * Waits until so many bytes have come, or the stream has ended.
   *
   * @param isPaced  the caller has to keep sending
   * @throws ScoringError REQUEST_TIMEOUT, or what the source was failed with
   */
  async wait(bytes: number, isPaced: boolean): Promise<void> {
    this.#needed = bytes
    await this.#until(() => this.#size >= bytes, isPaced)
    this.#needed = 0
  }

  /**
   * Hands over so many bytes as they come, or fewer where the stream ends.
   *
   * @throws ScoringError REQUEST_TIMEOUT, what the source was failed with, or what `onPiece` throws, which ends it
   */
  async pour(bytes: number, onPiece: (piece: Uint8Array) => void): Promise<void> {
    let left = bytes
    let fault: unknown
    const take = () => {
      try {
        while (left > 0 && this.#size > 0) {
          const piece = this.takePiece(left)
          left -= piece.length
          onPiece(piece)
        }
      } catch (failure) {
        fault = failure
        return true
      }
      return left === 0
    }
    await this.#until(take, true)
    if (fault !== undefined) throw fault
  }

  async #until(isThere: () => boolean, isPaced: boolean): Promise<void> {
    if (this.#failure) throw this.#failure
    if (isThere() || this.#isEnded) return
    if (this.#stream.isPaused()) this.#stream.resume()
    const timer = isPaced ? this.#watchPace() : undefined
    await new Promise<void>(resolve => {
      this.#isThere = isThere
      this.#wake = resolve
    })
    clearInterval(timer)
    this.#wake = undefined
    if (this.#failure) throw this.#failure
  }

  /** Takes bytes that have come, as one piece. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(bytes)
    for (let at = 0; at < bytes; ) {
      const piece = this.takePiece(bytes - at)
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  /** Takes what came as one piece, as far as it is not more than `most`. */
  takePiece(most: number): Uint8Array {
    const [piece] = this.#pieces as [Uint8Array]
    if (piece.length <= most) this.#pieces.shift()
    else this.#pieces[0] = piece.subarray(most)
    const taken = piece.length <= most ? piece : piece.subarray(0, most)
    this.#size -= taken.length
    return taken
  }

  /** Copies the beginning of what has come. */
  peek(bytes: number): Uint8Array {
    const [first] = this.#pieces
    if (first && first.length >= bytes) return first.subarray(0, bytes)
    return Buffer.concat(this.#pieces).subarray(0, bytes)
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#size += piece.length
    this.#received += piece.length
    if (this.#wake && this.#isThere()) this.#wake()
    if (this.#size >= this.#needed + readAheadBytes) this.#stream.pause()
  }

  #end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  #watchPace(): NodeJS.Timeout {
    let receivedBefore = this.#received
    return setInterval(() => {
      if (this.#received - receivedBefore < leastPace.bytes) this.fail(stalled(leastPace))
      receivedBefore = this.#received
    }, leastPace.everyMs).unref()
  }
}
