import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Caller } from '../../auth/authorizer.ts'
import { asScoringError, ScoringError } from '../../errors.ts'
import { deploymentHeader } from '../../inference/deployments.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { findModel } from '../../models/catalogue/find-model.ts'
import type { ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import { ByteBudget } from '../../scheduling/byte-budget.ts'
import { DecompressionLimits } from '../../scheduling/concurrency-limit.ts'
import type { CallDeadline } from '../../scheduling/request-queue.ts'
import { readCaller } from '../http/client-address.ts'
import { type RequestIds, readRequestIds } from '../http/request-ids.ts'
import { checkEncoding, messageEncodings } from './compression.ts'
import { readGrpcDeadline } from './deadline.ts'
import { type IncomingMessage, IncomingMessages } from './incoming-messages.ts'
import type { MessageWriter } from './message-writer.ts'
import { frame, type NamedModel, type RequestHead, type StreamCall } from './method.ts'
import { encodeFailure, okTrailers, type Trailers } from './status.ts'

/** Clients of FPGA services send `/api/v1/service/<name>` in it. */
const routeHeader = 'x-ms-aml-grpc-service-route'

/** HTTP/2's code for a stream that is no longer needed although nothing is wrong (RFC 9113, section 8.1). */
const noError = 0

/** As a rule the end of a request is on its way; a client that is told to stop before it has read the answer may lose that. */
const refuseRestAfterMs = 1000

/** The most bytes of a message that is not scored. */
const maxSmallBytes = 65_536
const uncounted = new ByteBudget(Number.POSITIVE_INFINITY)
const decompression = new DecompressionLimits()

/** A call on its stream of HTTP/2. */
export class Http2Call implements StreamCall {
  readonly startedAt = performance.now()
  /** As in `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string
  readonly request: RequestHead
  readonly caller: Caller
  readonly ids: RequestIds
  /** Headers of the answer. */
  readonly headers: Record<string, string>
  readonly #stream: ServerHttp2Stream
  readonly #catalogue: ServiceCatalogue
  #messages: IncomingMessages | undefined
  #isAbandoned = false
  #hasMessage = false

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { catalogue, serverVersion }: { catalogue: ServiceCatalogue; serverVersion: string | undefined },
  ) {
    this.#stream = stream
    this.#catalogue = catalogue
    this.path = headers[':path'] ?? ''
    this.request = new StreamHead(headers, stream.session)
    this.caller = readCaller(this.request)
    this.ids = readRequestIds(this.request.headers, serverVersion)
    this.headers = { 'content-type': 'application/grpc', ...this.ids.headers }
    this.#isAbandoned = stream.aborted || stream.destroyed
    stream.on('aborted', () => {
      this.#isAbandoned = true
      this.#messages?.fail(new ScoringError('BODY_ABORTED', 'The caller closed the call.'))
    })
  }

  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  /** The connection takes no new calls, and ends when those that it has are answered. */
  get isDrained(): boolean {
    return this.#stream.session?.closed !== false
  }

  /** @throws ScoringError HEADER_INVALID */
  readDeadline(): CallDeadline | undefined {
    return readGrpcDeadline(this.request.headers.get('grpc-timeout'), this.startedAt)
  }

  /** @throws ScoringError CONTENT_ENCODING_UNSUPPORTED */
  get messages(): IncomingMessages {
    if (!this.#messages) {
      const encoding = this.request.headers.get('grpc-encoding') ?? 'identity'
      checkEncoding(encoding)
      this.#messages = new IncomingMessages(this.#stream, encoding)
    }
    return this.#messages
  }

  /** The name in the header that clients of FPGA services choose a service by. */
  get route(): string | undefined {
    return this.request.headers
      .get(routeHeader)
      ?.split('/')
      .findLast(part => part !== '')
  }

  findService({ name, version }: NamedModel): ScoringService {
    return findModel(this.#catalogue, this.route ?? name, version, this.request.headers.get(deploymentHeader))
  }

  authorize(service: ScoringService): void | Promise<void> {
    return service.authorizer?.authorize(this.request.headers.get('authorization'), this.caller)
  }

  async next(): Promise<Uint8Array | undefined> {
    const message = await this.messages.next(!this.#hasMessage)
    this.#hasMessage = true
    return this.readSmall(message)
  }

  /** @throws ScoringError BODY_TOO_LARGE, BODY_ABORTED, REQUEST_TIMEOUT, BODY_NOT_DECOMPRESSIBLE */
  async readSmall(message: IncomingMessage | undefined): Promise<Uint8Array | undefined> {
    return message?.read({
      maxBytes: maxSmallBytes,
      account: { held: uncounted.open(), decompression },
      isAbandoned: () => this.isAbandoned,
    })
  }

  async pause(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.#stream.on('close', resolve)
    await promise
    clearTimeout(timer)
    this.#stream.off('close', resolve)
    return !this.#isGone && !this.isDrained
  }

  /** Answers with one message and the status OK. */
  answer(framed: Uint8Array): void {
    if (this.#isGone) return
    this.#respond(okTrailers)
    this.#stream.end(framed)
    this.#refuseRest()
  }

  /** Answers with a message of several; waits until the caller takes more. */
  async send(message: MessageWriter): Promise<void> {
    await this.sendFramed(frame(message))
  }

  async sendFramed(framed: Uint8Array): Promise<void> {
    if (this.#isGone) throw new ScoringError('BODY_ABORTED', 'The caller closed the call.')
    if (!this.#stream.headersSent) this.#stream.respond(this.headers, { waitForTrailers: true })
    if (this.#stream.write(framed)) return
    await new Promise<void>(resolve => {
      const go = () => {
        this.#stream.off('drain', go).off('close', go)
        resolve()
      }
      this.#stream.on('drain', go).on('close', go)
    })
  }

  /** Ends a call of several answers. */
  end(): void {
    if (this.#isGone) return
    if (this.#stream.headersSent) this.#sendTrailers(okTrailers)
    else this.#respond(okTrailers)
    this.#stream.end()
    this.#refuseRest()
  }

  /** Ends the call with the status of a failure. @returns the failure */
  fail(cause: unknown, service: string | undefined): ScoringError {
    const failure = asScoringError(cause)
    if (failure.code === 'INTERNAL') {
      const name = service === undefined ? '' : `[${service}] `
      const id = JSON.stringify(this.headers['x-request-id'])
      console.error(`${name}unexpected failure of request ${id}:`, failure.cause)
    }
    if (this.#isGone) return failure
    const trailers = encodeFailure(failure)
    if (this.#stream.headersSent) {
      this.#sendTrailers(trailers)
      this.#stream.end()
    } else this.#refuse(trailers, failure)
    this.#refuseRest()
    return failure
  }

  /** Calls back when the caller has the answer or has left. */
  whenAnswered(then: () => void): void {
    if (this.#stream.closed) then()
    else this.#stream.once('close', then)
  }

  get #isGone(): boolean {
    return this.#isAbandoned || this.#stream.destroyed || this.#stream.closed
  }

  #respond(trailers: Trailers): void {
    this.#stream.respond(this.headers, { waitForTrailers: true })
    this.#sendTrailers(trailers)
  }

  #sendTrailers(trailers: Trailers): void {
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers))
  }

  /** A failure without any message is one frame. */
  #refuse(trailers: Trailers, { code }: ScoringError): void {
    const accepted = code === 'CONTENT_ENCODING_UNSUPPORTED' && { 'grpc-accept-encoding': messageEncodings.join(',') }
    this.#stream.respond({ ...this.headers, ...trailers, ...accepted }, { endStream: true })
  }

  /** What the caller still sends is dropped; if it does not end soon, it is told to stop. */
  #refuseRest(): void {
    if (this.#stream.readableEnded) return
    this.#stream.resume()
    const timer = setTimeout(() => this.#stream.close(noError), refuseRestAfterMs)
    timer.unref()
    const forget = () => clearTimeout(timer)
    this.#stream.once('end', forget).once('close', forget)
  }
}

/** The head of a stream as other protocols see a request. */
class StreamHead implements RequestHead {
  readonly method = 'POST'
  readonly #headers: IncomingHttpHeaders
  readonly #session: ServerHttp2Stream['session']

  constructor(headers: IncomingHttpHeaders, session: ServerHttp2Stream['session']) {
    this.#headers = headers
    this.#session = session
  }

  get clientAddress(): string {
    const isOpen = this.#session && !this.#session.destroyed
    return (isOpen && this.#session?.socket.remoteAddress) || ''
  }

  get headers(): RequestHead['headers'] {
    return this
  }

  get(name: string): string | null {
    const value = this.#headers[name]
    if (value === undefined) return null
    const text = Array.isArray(value) ? value.join(', ') : value
    return name === 'authorization' ? completeBearer(text) : text
  }

  entries(): [string, string][] {
    const names = Object.keys(this.#headers).filter(name => !name.startsWith(':'))
    return names.map(name => [name, this.get(name) as string])
  }
}

/** Clients of FPGA services send the bare key; a scheme would be followed by a space. */
function completeBearer(authorization: string): string {
  return /^\S+$/.test(authorization) && !/^bearer$/i.test(authorization) ? `Bearer ${authorization}` : authorization
}
