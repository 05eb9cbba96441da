/** The messages of a call as they come in, each after its prefix ("gRPC over HTTP2", Length-Prefixed-Message). */
import type { ServerHttp2Stream } from 'node:http2'
import { bodyTooLarge, ScoringError } from '../../errors.ts'
import { leadBefore } from '../../scheduling/body-memory.ts'
import { GrowingBytes } from '../http/growing-bytes.ts'
import { type BodyAccount, leastPace, smallBytes, stalled } from '../http/read-body.ts'
import { readHead, unpackMessage } from './compression.ts'
import { prefixBytes } from './method.ts'

/** What has come beyond what is read now, in bytes, from which on the sender is told to wait. */
const readAheadBytes = 65_536

/** Enough of a message to find the model's name in; a frame of HTTP/2 has as much. */
const headBytes = 16_384

/** Reads a stream piece by piece; what is not asked for stays with the sender, who is bounded by the window of HTTP/2. */
class ByteSource {
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

/** The messages of one call, to be read one after the other. */
export class IncomingMessages {
  readonly #source: ByteSource
  readonly #encoding: string

  /** @param encoding  the header `grpc-encoding`, which is one of `messageEncodings` */
  constructor(stream: ServerHttp2Stream, encoding: string) {
    this.#source = new ByteSource(stream)
    this.#encoding = encoding
  }

  /** Ends the wait for a message. */
  fail(failure: ScoringError): void {
    this.#source.fail(failure)
  }

  /**
   * Waits for the prefix of the next message.
   *
   * @param isPaced  the message has to come now; in a stream the caller may take its time
   * @returns undefined when the caller sends no more
   * @throws ScoringError BODY_ABORTED, REQUEST_TIMEOUT, INPUT_INVALID for a compressed message without an encoding
   */
  async next(isPaced: boolean): Promise<IncomingMessage | undefined> {
    await this.#source.wait(prefixBytes, isPaced)
    if (this.#source.size === 0) return undefined
    if (this.#source.size < prefixBytes) throw cutOff()
    const prefix = this.#source.take(prefixBytes)
    const isCompressed = prefix[0] !== 0
    if (isCompressed && this.#encoding === 'identity')
      throw new ScoringError(
        'INPUT_INVALID',
        'The message is marked as compressed, but the header grpc-encoding is missing.',
      )
    const length = new DataView(prefix.buffer).getUint32(1)
    return new IncomingMessage(this.#source, length, isCompressed ? this.#encoding : undefined)
  }
}

/** How a message is read. */
interface Reading {
  readonly maxBytes: number
  readonly account: BodyAccount
  readonly isAbandoned: () => boolean
  /** The message is for a worker, which may read it in place: so many bytes of it are before its tensor. Absent: it has a buffer of its own. */
  readonly textBytes?: number | undefined
}

/** A message whose prefix has come. */
export class IncomingMessage {
  /** Bytes as they are sent, which may be compressed. */
  readonly length: number
  readonly #source: ByteSource
  readonly #encoding: string | undefined
  /** Bytes that are not taken yet. */
  #left: number

  constructor(source: ByteSource, length: number, encoding: string | undefined) {
    this.#source = source
    this.length = length
    this.#left = length
    this.#encoding = encoding
  }

  /**
   * Reads the beginning of the message, which stays to be read: all of it or 16 KiB.
   *
   * @returns less where it does not unpack
   * @throws ScoringError BODY_ABORTED, REQUEST_TIMEOUT
   */
  async readHead(): Promise<Uint8Array> {
    const bytes = Math.min(this.length, headBytes)
    await this.#need(bytes)
    const head = this.#source.peek(bytes)
    return this.#encoding === undefined ? head : readHead(head, this.#encoding, headBytes)
  }

  /**
   * Reads and unpacks the message.
   *
   * @throws ScoringError BODY_TOO_LARGE, BODY_ABORTED, REQUEST_TIMEOUT, QUEUE_FULL, BODY_NOT_DECOMPRESSIBLE
   */
  async read({ maxBytes, account, isAbandoned, textBytes }: Reading): Promise<Uint8Array> {
    if (this.length > maxBytes) throw bodyTooLarge(maxBytes)
    account.held.requireRoom(this.length)
    const message =
      this.length <= smallBytes ? await this.#readSmall(account) : await this.#readPieces(account, textBytes)
    if (this.#encoding === undefined) return message
    return unpackMessage(message, this.#encoding, maxBytes, { ...account, isAbandoned })
  }

  /** Drops what is not read of the message, as it comes. @throws ScoringError BODY_ABORTED, REQUEST_TIMEOUT */
  async discard(): Promise<void> {
    while (this.#left > 0) await this.#takePiece()
  }

  async #readSmall({ held }: BodyAccount): Promise<Uint8Array> {
    held.resize(this.length)
    await this.#need(this.length)
    this.#left = 0
    return this.#source.take(this.length)
  }

  async #readPieces({ held }: BodyAccount, textBytes: number | undefined): Promise<Uint8Array> {
    const isForWorker = this.#encoding === undefined && textBytes !== undefined
    const shared = isForWorker ? held.takeMemory(this.length, leadBefore(textBytes)) : undefined
    const message = new GrowingBytes(this.length, shared)
    try {
      await this.#source.pour(this.length, piece => {
        this.#left -= piece.length
        held.resize(message.size + piece.length)
        message.append(piece)
      })
      if (this.#left > 0) throw cutOff()
      return message.finish()
    } catch (failure) {
      message.drop()
      throw failure
    }
  }

  async #takePiece(): Promise<Uint8Array> {
    await this.#need(1)
    const piece = this.#source.takePiece(this.#left)
    this.#left -= piece.length
    return piece
  }

  async #need(bytes: number): Promise<void> {
    await this.#source.wait(bytes, true)
    if (this.#source.size < bytes) throw cutOff()
  }
}

function cutOff(): ScoringError {
  return new ScoringError('BODY_ABORTED', 'The message ended before it was complete.')
}
