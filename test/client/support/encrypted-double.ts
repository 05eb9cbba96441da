import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { BfvEngine, checkRequest } from '../../../src/encrypted/bfv/engine.ts'
import { requestBytes } from '../../../src/encrypted/bfv/layout.ts'
import { encodeBinaryReply, encodeLayout } from '../../../src/encrypted/bfv/wire.ts'
import { Kernel } from '../../../src/encrypted/kernel.ts'
import type { LinearWeights } from '../../../src/encrypted/linear-weights.ts'
import type { Cleaner } from '../../support/cleaner.ts'

export interface EncryptedDouble {
  readonly url: string
  /** What callers sent as `Authorization`, and how. */
  readonly seen: { readonly authorization: string | undefined; readonly path: string | undefined }[]
  /** Answers in place of the service. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  replaceModel(model: LinearWeights): void
}

/** The two routes of one encrypted service, for what a real app does not answer when a test wants it: failures, other models. */
export async function runEncryptedDouble(
  test: Cleaner,
  first: LinearWeights,
  labels?: string[],
): Promise<EncryptedDouble> {
  const engine = new BfvEngine(await Kernel.create())
  const prepare = (model: LinearWeights) => engine.prepareModel(model, { maxFeature: 16, featureScale: 1 })
  let model = prepare(first)
  const server = createServer(async (request, response) => {
    double.seen.push({ authorization: request.headers.authorization, path: request.url })
    if (double.answer) return double.answer(request, response)
    if (request.url === '/api/v1/service/digits/encrypted') {
      const fast = encodeLayout(model.plan, model.parameterId, requestBytes, labels)
      return response.setHeader('content-type', 'application/json').end(JSON.stringify({ fast }))
    }
    const reply = engine.score(model, checkRequest(await buffer(request), model.parameterId))
    response.setHeader('content-type', 'application/octet-stream').end(encodeBinaryReply(reply, model.plan))
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const double: EncryptedDouble = {
    url: `http://127.0.0.1:${port}/api/v1/service/digits`,
    seen: [],
    answer: undefined,
    replaceModel: next => {
      model = prepare(next)
    },
  }
  return double
}
