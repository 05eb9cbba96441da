/**
 * The least a gRPC scoring server can be: node:http2, our codec and ONNX Runtime on one thread. `ModelInfer` of the Open Inference
 * Protocol, with raw contents; no keys, no checks, no deadlines, no other methods.
 */
import '../../../src/adapters/onnxruntime/telemetry-off.ts'

import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import * as ort from 'onnxruntime-node'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import { frame, prefixBytes } from '../../../src/protocols/grpc/method.ts'
import { encodeDatatype } from '../../../src/protocols/open-inference/datatypes.ts'
import { readInferMessage } from '../../../src/protocols/open-inference/infer-message.ts'
import { countRawBytes, decodeRawTensor, writeRawTensor } from '../../../src/protocols/open-inference/raw-tensor.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { sessionOptions } from '../../http/servers/session-options.ts'

const session = await ort.InferenceSession.create(process.argv[2] as string, sessionOptions)

async function infer(message: Uint8Array): Promise<Uint8Array> {
  const { model, version, inputs, raw } = readInferMessage(message)
  const feeds = inputs.map((input, index) => {
    const { dtype, data, shape } = decodeRawTensor(input, raw[index] as Uint8Array)
    return [input.name, new ort.Tensor(dtype as 'float32', data as Float32Array, shape)] as const
  })
  const results = await session.run(Object.fromEntries(feeds))
  const answer = new MessageWriter().text(1, model).text(2, version)
  const outputs = session.outputNames.map(name => {
    const { type, data, dims } = results[name] as ort.Tensor
    return { name, tensor: new Tensor(type as Dtype, data as Float32Array, dims) }
  })
  for (const { name, tensor } of outputs) {
    const head = new MessageWriter().text(1, name).text(2, encodeDatatype(tensor.dtype)).integers(3, tensor.shape)
    answer.message(5, head)
  }
  for (const { tensor } of outputs) answer.content(6, countRawBytes(tensor), target => writeRawTensor(tensor, target))
  return frame(answer)
}

// The windows that the app gives its callers.
const server = createServer({ settings: { initialWindowSize: 2 * 1024 * 1024, maxConcurrentStreams: 1000 } })
server.on('session', each => each.setLocalWindowSize(16 * 1024 * 1024))
server.on('stream', stream => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', async () => {
    const [first] = chunks
    const whole = chunks.length === 1 && first ? first : Buffer.concat(chunks)
    const answer = await infer(whole.subarray(prefixBytes))
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(answer)
  })
  stream.on('error', () => {}) // the caller left
})
server.listen(0, '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)
