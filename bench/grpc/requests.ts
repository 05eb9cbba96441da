/** The same tensor as each protocol sends it, and the scores in each protocol's answer. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MessageReader } from '../../src/protocols/grpc/message-reader.ts'
import { MessageWriter } from '../../src/protocols/grpc/message-writer.ts'
import type { GoRequest } from './go-load.ts'

/** One row of a model with one input. */
export interface Row {
  readonly service: string
  readonly input: string
  readonly datatype: 'FP32' | 'FP64'
  /** With the row axis. */
  readonly shape: readonly number[]
  readonly elements: Float32Array | Float64Array
}

/** Bytes of an answer, and what its headers say. */
export interface Answer {
  readonly body: Buffer
  header(name: string): string | undefined
}

/** A way to send a row. */
export interface Form {
  readonly name: string
  /** Writes the body to a file. */
  readonly request: (row: Row, folder: string, key: string) => Promise<GoRequest>
  /** The scores of an answer. */
  readonly scores: (row: Row, answer: Answer) => Float32Array | Float64Array
}

const octets = 'application/octet-stream'

export const grpcForm: Form = {
  name: 'gRPC ModelInfer',
  request: async ({ service, input, datatype, shape, elements }, folder, key) => {
    const message = new MessageWriter()
      .text(1, service)
      .message(5, new MessageWriter().text(1, input).text(2, datatype).integers(3, shape))
      .bytes(7, bytesOf(elements))
      .finish()
    return {
      protocol: 'grpc',
      path: '/inference.GRPCInferenceService/ModelInfer',
      headers: { authorization: `Bearer ${key}` },
      body: await write(folder, `${service}.grpc`, message),
    }
  },
  scores: (row, { body }) => {
    const reader = new MessageReader(body, 'ModelInferResponse')
    let raw: Uint8Array | undefined
    while (reader.next()) {
      if (reader.field === 6) raw = reader.bytes()
      else reader.skip()
    }
    return elementsOf(row, raw ?? new Uint8Array())
  },
}

export const jsonForm: Form = {
  name: 'HTTP/1.1, JSON',
  request: async (row, folder, key) =>
    post(`/api/v1/service/${row.service}/score`, key, {
      type: 'application/json',
      body: await write(folder, `${row.service}.json`, JSON.stringify({ data: nested(row) })),
    }),
  scores: ({ datatype }, { body }) => {
    const numbers = (JSON.parse(body.toString()) as number[] | number[][]).flat()
    return datatype === 'FP32' ? Float32Array.from(numbers) : Float64Array.from(numbers)
  },
}

/** The answer is JSON, as it is for any request to this route. */
export const octetsForm: Form = {
  name: 'HTTP/1.1, raw octets',
  request: async ({ service, datatype, shape, elements }, folder, key) => {
    const body = await write(folder, `${service}.raw`, bytesOf(elements))
    const request = post(`/api/v1/service/${service}/score`, key, { type: octets, body })
    const dtype = datatype === 'FP32' ? 'float32' : 'float64'
    return { ...request, headers: { ...request.headers, 'x-tensor-shape': String(shape), 'x-tensor-dtype': dtype } }
  },
  scores: jsonForm.scores,
}

/** Raw octets in and out, for servers that know nothing else. */
export const bareOctetsForm: Form = {
  ...octetsForm,
  scores: (row, { body }) => elementsOf(row, body),
}

const lengthHeader = 'Inference-Header-Content-Length'

export const binaryForm: Form = {
  name: 'HTTP/1.1, V2 binary',
  request: async ({ service, input, datatype, shape, elements }, folder, key) => {
    const bytes = bytesOf(elements)
    const head = JSON.stringify({
      inputs: [{ name: input, datatype, shape, parameters: { binary_data_size: bytes.length } }],
      parameters: { binary_data_output: true },
    })
    const body = await write(folder, `${service}.v2`, Buffer.concat([Buffer.from(head), bytes]))
    const request = post(`/v2/models/${service}/infer`, key, { type: octets, body })
    return { ...request, headers: { ...request.headers, [lengthHeader]: String(Buffer.byteLength(head)) } }
  },
  scores: (row, { body, header }) => elementsOf(row, body.subarray(Number(header(lengthHeader)))),
}

function post(path: string, key: string, { type, body }: { type: string; body: string }): GoRequest {
  return { protocol: 'http', path, headers: { authorization: `Bearer ${key}`, 'content-type': type }, body }
}

async function write(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function elementsOf({ datatype }: Row, bytes: Uint8Array): Float32Array | Float64Array {
  const { buffer } = Uint8Array.from(bytes)
  return datatype === 'FP32' ? new Float32Array(buffer) : new Float64Array(buffer)
}

/** The elements as nested lists. */
function nested({ shape, elements }: Row): unknown {
  let lists: unknown[] = Array.from(elements)
  for (const size of shape.slice(1).reverse())
    lists = Array.from({ length: lists.length / size }, (_, index) => lists.slice(index * size, (index + 1) * size))
  return lists
}
