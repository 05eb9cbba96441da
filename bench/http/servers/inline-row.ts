/** The least a scoring server can be: node:http and ONNX Runtime on one thread. No keys, no checks, no other routes. */
import '../../../src/adapters/onnxruntime/telemetry-off.ts'

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as ort from 'onnxruntime-node'
import { sessionOptions } from './session-options.ts'

const session = await ort.InferenceSession.create(process.argv[2] as string, sessionOptions)
const [input, output] = [session.inputNames[0] as string, session.outputNames[0] as string]

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', async () => {
    const { data } = JSON.parse(Buffer.concat(chunks).toString()) as { data: number[][] }
    const rows = new ort.Tensor('float64', Float64Array.from(data.flat()), [data.length, data[0]?.length ?? 0])
    const scores = (await session.run({ [input]: rows }))[output] as ort.Tensor
    const body = JSON.stringify(Array.from(scores.data as Float64Array))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  })
})
server.listen(0, '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
