/** An image model inline in node:http: raw float32 in, raw float32 out. `/healthz` waits for every run. */
import '../../../src/adapters/onnxruntime/telemetry-off.ts'

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as ort from 'onnxruntime-node'
import { imageShape } from '../../models/resnet50.ts'
import { sessionOptions } from './session-options.ts'

const session = await ort.InferenceSession.create(process.argv[2] as string, sessionOptions)

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 7 }).end('Healthy')
    return
  }
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', async () => {
    const body = Buffer.concat(chunks)
    const pixels = new Float32Array(body.buffer, body.byteOffset, body.length / 4)
    const { scores } = await session.run({ image: new ort.Tensor('float32', pixels, imageShape) })
    const { buffer, byteOffset, byteLength } = (scores as ort.Tensor).data as Float32Array
    const answer = Buffer.from(buffer, byteOffset, byteLength)
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': answer.length }).end(answer)
  })
})
server.listen(0, '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
