import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, it, onTestFinished, type TestContext } from 'vitest'
import { ServiceCatalogue } from '../../../src/models/catalogue/service-catalogue.ts'
import { healthService } from '../../../src/protocols/grpc/health.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import type { GrpcService } from '../../../src/protocols/grpc/method.ts'
import { createGrpcHandler, type GrpcHandler } from '../../../src/protocols/grpc/server.ts'
import { openInferenceService } from '../../../src/protocols/open-inference/grpc-service.ts'
import type { RequestEntry } from '../../../src/telemetry/log.ts'
import { end, framed, GrpcConnection } from '../../support/grpc-calls.ts'

const catalogue = new ServiceCatalogue([], undefined)
const health = healthService({ catalogue, readyWhen: 'any', grpcServices: new Set() })

async function serve(test: TestContext, services: readonly GrpcService[], maxStreams?: number) {
  const lines: RequestEntry[] = []
  const log = (entry: RequestEntry) => void lines.push(entry)
  const handle = createGrpcHandler({ catalogue, services, serverVersion: undefined, log }, maxStreams)
  return { connection: await listen(test, handle), lines }
}

async function listen(test: TestContext, handle: GrpcHandler): Promise<GrpcConnection> {
  const server = createServer()
  server.on('stream', handle)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  test.onTestFinished(() => void server.close())
  return new GrpcConnection(test, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

describe('createGrpcHandler', () => {
  it('has only so many streams open at a time, which leave room for those that score', async test => {
    const scoring = openInferenceService({ catalogue, readyWhen: 'any', serverVersion: undefined })
    const { connection } = await serve(test, [health, scoring], 2)
    const watch = () => connection.open('/grpc.health.v1.Health/Watch')
    const open = [watch(), watch()]
    for (const stream of open) {
      stream.on('error', () => {})
      stream.end(framed(new Uint8Array()))
      await new Promise(resolve => stream.once('data', resolve))
    }
    const third = watch()
    third.end(framed(new Uint8Array()))
    const { trailers } = await end(third)
    assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['8', 'QUEUE_FULL'])
    const scored = await connection.call('/inference.GRPCInferenceService/ModelStreamInfer', {})
    assert.equal(scored.trailers['grpc-status'], '0')
  })

  it('logs a line for each call, without what its message holds', async test => {
    const { connection, lines } = await serve(test, [health])
    const message = new MessageWriter().text(1, 'secret').finish()
    await connection.call('/grpc.health.v1.Health/Check', { 'x-request-id': 'mine' }, framed(message))
    const [{ ms, ...line }] = lines as [RequestEntry]
    assert.ok(ms >= 0)
    assert.deepEqual(line, {
      level: 'debug',
      service: undefined,
      requestId: 'mine',
      method: 'POST',
      path: '/grpc.health.v1.Health/Check',
      status: 404,
      code: 'SERVICE_UNKNOWN',
      rows: undefined,
      invocationId: undefined,
      traceId: undefined,
      modelVersion: undefined,
    })
  })

  it('ends a call whose method fails unexpectedly with INTERNAL, and says why in the log alone', async test => {
    const broken: GrpcService = {
      name: 'test.Broken',
      methods: {
        Break: {
          kind: 'unary',
          answer() {
            throw new Error('a secret')
          },
        },
      },
    }
    const { connection } = await serve(test, [broken])
    const printed: unknown[][] = []
    const { error } = console
    console.error = (...words) => void printed.push(words)
    test.onTestFinished(() => {
      console.error = error
    })
    const { trailers } = await connection.call('/test.Broken/Break', {}, framed(new Uint8Array()))
    assert.equal(trailers['grpc-status'], '13')
    assert.doesNotMatch(String(trailers['grpc-message']), /secret/)
    assert.match(String(printed[0]?.[1]), /a secret/)
  })

  it.for([
    { name: 'with its headers', end: { endStream: true } },
    { name: 'in a frame of its own', end: {} },
  ])('answers a call that ended without a message, $name, before it was handled', async ({ end: options }, test) => {
    const handle = createGrpcHandler({ catalogue, services: [health], serverVersion: undefined, log: undefined })
    const connection = await listen(test, (stream, headers) => void setTimeout(() => handle(stream, headers), 100))
    const stream = connection.open('/grpc.health.v1.Health/Check', {}, options)
    if (!options.endStream) stream.end()
    const { trailers } = await end(stream)
    assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['3', 'BODY_EMPTY'])
  })

  it.each(['application/grpc', 'application/grpc+json'])(
    'passes over a call of %s whose caller has left',
    async type => {
      const handle = createGrpcHandler({ catalogue, services: [health], serverVersion: undefined, log: undefined })
      const server = createServer()
      const handled = new Promise((resolve, reject) =>
        server.on('stream', (stream, headers) => {
          stream.on('error', () => {})
          stream.on('close', () => {
            try {
              resolve(handle(stream, headers))
            } catch (error) {
              reject(error)
            }
          })
        }),
      )
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void server.close())
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const connection = new GrpcConnection({ onTestFinished }, url)
      connection.open('/grpc.health.v1.Health/Check', { 'content-type': type }).on('error', () => {})
      server.once('stream', stream => stream.close(8))
      await handled
    },
  )

  it('refuses a small message that is not small', async test => {
    const { connection } = await serve(test, [health])
    const call = await connection.call('/grpc.health.v1.Health/Check', {}, framed(new Uint8Array(70_000)))
    assert.equal(call.trailers['grpc-status'], '8')
  })
})
