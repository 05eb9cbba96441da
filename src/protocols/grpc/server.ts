/** Serves the calls of gRPC services on streams of HTTP/2. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { ScoringError } from '../../errors.ts'
import type { ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import type { RequestEntry } from '../../telemetry/log.ts'
import { Http2Call } from './call.ts'
import { describeCall } from './call-log.ts'
import type { GrpcMethod, GrpcService } from './method.ts'
import { frame } from './method.ts'
import { defaultMaxStreams, OpenStreams } from './open-streams.ts'
import { answerScore, answerScoreStream, type CallOutcome } from './score.ts'

/** What the calls of an app are answered from. */
export interface GrpcServer {
  readonly catalogue: ServiceCatalogue
  readonly services: readonly GrpcService[]
  /** Value of `x-ms-server-version`; undefined: no such header. */
  readonly serverVersion: string | undefined
  /** Writes a line for each call; undefined: there is no such log. */
  readonly log: ((entry: RequestEntry) => void) | undefined
}

/** Takes a stream of a gRPC call to its end; never throws. */
export type GrpcHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

/** @param maxStreams  the most calls at a time that last as long as their callers like: of those that score, and of others */
export function createGrpcHandler(server: GrpcServer, maxStreams = defaultMaxStreams): GrpcHandler {
  const methods = new Map<string, GrpcMethod>(
    server.services.flatMap(({ name, methods }) =>
      Object.entries(methods).map(([method, answer]) => [`/${name}/${method}`, answer] as const),
    ),
  )
  // Health needs no key: who watches it must not keep those out who score.
  const open = { stream: new OpenStreams(maxStreams), 'score-stream': new OpenStreams(maxStreams) }
  return (stream, headers) => {
    stream.on('error', () => {}) // its end says enough
    if (!isProtobuf(headers['content-type'])) return respondAlone(stream, 415)
    const path = headers[':path'] ?? ''
    serve(new Http2Call(stream, headers, server), methods.get(path), { path, open, log: server.log }).catch(failure => {
      console.error(`unexpected failure of a call of ${JSON.stringify(path.slice(0, 200))}:`, failure)
      stream.destroy()
    })
  }
}

/** Answers with a status of HTTP and nothing else, unless the caller has left: to answer a closed stream throws. */
function respondAlone(stream: ServerHttp2Stream, status: number): void {
  if (!stream.closed && !stream.destroyed) stream.respond({ ':status': status }, { endStream: true })
}

/** `+json` and gRPC-Web are other protocols. */
function isProtobuf(contentType: string | undefined): boolean {
  return /^application\/grpc(\+proto)?\s*(;|$)/i.test(contentType ?? '')
}

type OpenStreamsByKind = Readonly<Record<'stream' | 'score-stream', OpenStreams>>

interface Serving {
  readonly path: string
  readonly open: OpenStreamsByKind
  readonly log: GrpcServer['log']
}

async function serve(call: Http2Call, method: GrpcMethod | undefined, { path, open, log }: Serving): Promise<void> {
  const outcome: CallOutcome = {}
  let failure: ScoringError | undefined
  try {
    if (call.ids.fault) throw call.ids.fault
    if (!method) throw new ScoringError('PATH_UNKNOWN', `There is no method ${path.slice(0, 200)}.`)
    await answer(call, method, outcome, open)
  } catch (cause) {
    failure = call.fail(cause, outcome.service?.name)
  }
  const ms = performance.now() - call.startedAt
  if (method?.kind === 'score')
    outcome.service?.metrics?.answered(method.protocol, failure?.status ?? 200, failure?.code, ms)
  log?.(describeCall(call, { path, outcome, failure, ms }))
}

async function answer(
  call: Http2Call,
  method: GrpcMethod,
  outcome: CallOutcome,
  open: OpenStreamsByKind,
): Promise<void> {
  switch (method.kind) {
    case 'score':
      return answerScore(call, method, outcome)
    case 'unary': {
      const message = await call.readSmall(await call.messages.next(true))
      if (!message) throw new ScoringError('BODY_EMPTY', 'The call ended without a message.')
      return call.answer(frame(await method.answer(message, call)))
    }
    case 'stream':
      return open.stream.run(call, () => method.answer(call))
    case 'score-stream':
      return open['score-stream'].run(call, () => answerScoreStream(call, method))
  }
}
