/** The same over HTTP/1.1: node:http and ONNX Runtime on one thread, raw elements in and out. */
import '../../../src/adapters/onnxruntime/telemetry-off.ts'

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as ort from 'onnxruntime-node'
import { sessionOptions } from '../../http/servers/session-options.ts'

const session = await ort.InferenceSession.create(process.argv[2] as string, sessionOptions)
const [input] = session.inputMetadata as [ort.InferenceSession.TensorValueMetadata]
const [output] = session.outputNames as [string]
const shape = input.shape.map(size => (typeof size === 'number' ? size : 1))

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', async () => {
    const body = Buffer.concat(chunks)
    const elements =
      input.type === 'float64'
        ? new Float64Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length))
        : new Float32Array(body.buffer, body.byteOffset, body.length / 4)
    const feeds = { [input.name]: new ort.Tensor(input.type as 'float32', elements as Float32Array, shape) }
    const { buffer, byteOffset, byteLength } = ((await session.run(feeds))[output] as ort.Tensor).data as Float32Array
    const answer = Buffer.from(buffer, byteOffset, byteLength)
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': answer.length }).end(answer)
  })
})
server.listen(0, '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
