/** The messages of a call as they come in, each after its prefix ("gRPC over HTTP2", Length-Prefixed-Message). */
import type { ServerHttp2Stream } from 'node:http2'
import { bodyTooLarge, ScoringError } from '../../errors.ts'
import { leadBefore } from '../../scheduling/body-memory.ts'
import { GrowingBytes } from '../http/growing-bytes.ts'
import { type BodyAccount, smallBytes } from '../http/read-body.ts'
import { ByteSource } from './byte-source.ts'
import { readHead, unpackMessage } from './compression.ts'
import { prefixBytes } from './method.ts'

/** Enough of a message to find the model's name in; a frame of HTTP/2 has as much. */
const headBytes = 16_384

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
