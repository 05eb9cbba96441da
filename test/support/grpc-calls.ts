/** Calls of gRPC as bare streams of Node's HTTP/2, for what clients of gRPC do not let a test do or see. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2'
import { MessageReader } from '../../src/protocols/grpc/message-reader.ts'
import { MessageWriter } from '../../src/protocols/grpc/message-writer.ts'
import type { Cleaner } from './cleaner.ts'

export interface EndedCall {
  readonly headers: IncomingHttpHeaders
  /** Of a call that fails without a message, its headers. */
  readonly trailers: IncomingHttpHeaders
  readonly messages: readonly Buffer[]
}

export class GrpcConnection {
  readonly session: ClientHttp2Session

  constructor(test: Cleaner, url: string) {
    this.session = connect(url)
    this.session.on('error', () => {})
    test.onTestFinished(() => this.session.destroy())
  }

  open(
    method: string,
    headers: Record<string, string> = {},
    options: ClientSessionRequestOptions = {},
  ): ClientHttp2Stream {
    const own = { 'content-type': 'application/grpc', te: 'trailers', ':method': 'POST', ':path': method }
    return this.session.request({ ...own, ...headers }, options)
  }

  /** @param sent  what is sent: messages with their prefixes, or parts of them */
  async call(method: string, headers: Record<string, string>, ...sent: Uint8Array[]): Promise<EndedCall> {
    const stream = this.open(method, headers)
    const ended = end(stream)
    for (const each of sent) stream.write(each)
    stream.end()
    return ended
  }
}

/** Collects what comes until the stream ends. */
export function end(stream: ClientHttp2Stream): Promise<EndedCall> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders | undefined
    stream.on('response', received => {
      headers = received
    })
    stream.on('trailers', received => {
      trailers = received
    })
    stream.on('data', piece => pieces.push(piece))
    stream.on('error', reject)
    stream.on('close', () =>
      resolve({ headers, trailers: trailers ?? headers, messages: splitMessages(Buffer.concat(pieces)) }),
    )
  })
}

function splitMessages(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1)
    messages.push(bytes.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return messages
}

/** @param declared  the length that the prefix says */
export function framed(message: Uint8Array, { declared = message.length, isCompressed = false } = {}): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = isCompressed ? 1 : 0
  prefix.writeUInt32BE(declared, 1)
  return Buffer.concat([prefix, message])
}

interface Infer {
  readonly model?: string
  readonly version?: string
  readonly id?: string
  readonly input?: string
  readonly shape: readonly number[]
}

/** A `ModelInferRequest` of one input of FP32, whose elements are raw. */
export function inferRequest(
  elements: readonly number[],
  { model, version, id, input = 'input', shape }: Infer,
): Uint8Array {
  const message = new MessageWriter()
  if (model !== undefined) message.text(1, model)
  if (version !== undefined) message.text(2, version)
  if (id !== undefined) message.text(3, id)
  message.message(5, new MessageWriter().text(1, input).text(2, 'FP32').integers(3, shape))
  return message.bytes(7, new Uint8Array(Float32Array.from(elements).buffer)).finish()
}

/** The first output of a `ModelInferResponse`, of FP32. */
export function readFloats(message: Uint8Array): number[] {
  const reader = new MessageReader(message, 'ModelInferResponse')
  let floats: number[] = []
  while (reader.next()) {
    if (reader.field === 6) floats = [...new Float32Array(Uint8Array.from(reader.bytes()).buffer)]
    else reader.skip()
  }
  return floats
}
