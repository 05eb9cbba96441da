import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'vitest'
import { ServiceCatalogue } from '../../../src/models/catalogue/service-catalogue.ts'
import { healthService } from '../../../src/protocols/grpc/health.ts'
import type { GrpcService } from '../../../src/protocols/grpc/method.ts'
import { MessageWriter } from '../../../src/protocols/grpc/protobuf.ts'
import { createGrpcHandler } from '../../../src/protocols/grpc/server.ts'
import { openInferenceService } from '../../../src/protocols/open-inference/grpc-service.ts'
import type { RequestEntry } from '../../../src/telemetry/log.ts'
import { end, framed, GrpcConnection } from '../../support/grpc-calls.ts'

const catalogue = new ServiceCatalogue([], undefined)
const health = healthService({ catalogue, readyWhen: 'any', grpcServices: new Set() })

async function serve(test: TestContext, services: readonly GrpcService[], maxStreams?: number) {
  const lines: RequestEntry[] = []
  const log = (entry: RequestEntry) => void lines.push(entry)
  const server = createServer()
  server.on('stream', createGrpcHandler({ catalogue, services, serverVersion: undefined, log }, maxStreams))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  test.onTestFinished(() => void server.close())
  const connection = new GrpcConnection(test, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return { connection, lines }
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

  it('refuses a small message that is not small', async test => {
    const { connection } = await serve(test, [health])
    const call = await connection.call('/grpc.health.v1.Health/Check', {}, framed(new Uint8Array(70_000)))
    assert.equal(call.trailers['grpc-status'], '8')
  })
})
