import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { IncomingRequest, OutgoingResponse } from './exchange.ts'

/** Takes a gRPC stream to its end; never throws. Nothing of the stream was read or answered before. */
export type GrpcHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

/** Takes what comes by the connections of a server to its end. */
export interface Receiver {
  /** @param expectsContinue  the client waits for `100 Continue` before it sends the body */
  request(incoming: IncomingRequest, outgoing: OutgoingResponse, expectsContinue: boolean): void
  readonly grpc: GrpcHandler
}

/** Holds back what comes before the app has started. */
export class WaitingReceiver implements Receiver {
  readonly #waiting: ((receiver: Receiver) => void)[] = []
  #receiver: Receiver | undefined

  /** Passes on what waits, and from now on everything else at once. */
  start(receiver: Receiver): void {
    this.#receiver = receiver
    for (const pass of this.#waiting.splice(0)) pass(receiver)
  }

  request(incoming: IncomingRequest, outgoing: OutgoingResponse, expectsContinue: boolean): void {
    if (this.#receiver) this.#receiver.request(incoming, outgoing, expectsContinue)
    else this.#waiting.push(receiver => receiver.request(incoming, outgoing, expectsContinue))
  }

  grpc(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (this.#receiver) this.#receiver.grpc(stream, headers)
    else
      this.#waiting.push(receiver => {
        if (!stream.closed && !stream.destroyed) receiver.grpc(stream, headers) // its client may have left
      })
  }
}
