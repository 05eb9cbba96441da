import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { ScoringError } from '../../../src/errors.ts'
import { MessageReader } from '../../../src/protocols/grpc/message-reader.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import { openInferenceGrpcCodec as codec } from '../../../src/protocols/open-inference/grpc-codec.ts'
import type { TensorCall } from '../../../src/scheduling/inference-request.ts'
import type { RowScript } from '../../../src/scripts/script.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import type { LoadedService } from '../../../src/workers/runtime/load-service.ts'

const call: TensorCall = { model: 'sut', version: '1' }
const service = { outputs: [{ name: 'y', dtype: 'float32', shape: undefined }] } as unknown as LoadedService

function decode(body: Uint8Array, dtype: Dtype = 'float32', details: TensorCall = call) {
  const script = {
    kind: 'rows',
    hasRowAxis: true,
    inputs: [{ name: 'x', dtype, shape: ['n', 2] }],
  } as unknown as RowScript
  const request = { codec: 'open-inference-grpc', body, contentType: undefined, details: { tensorCall: details } }
  return codec.decodeRows(request, script, service)
}

const rowsIn = (body: Uint8Array, dtype?: Dtype) => decode(body, dtype).feeds.x?.toList()

const input = (datatype: string, contents?: MessageWriter) => {
  const message = new MessageWriter().text(1, 'x').text(2, datatype).integers(3, [1, 2])
  return contents ? message.message(5, contents) : message
}
const floats = (...elements: number[]) => new Uint8Array(Float32Array.from(elements).buffer)
const request = () => new MessageWriter().text(1, 'sut')
const refusal = (code: string, message: RegExp) => (failure: unknown) => {
  assert.ok(failure instanceof ScoringError)
  assert.deepEqual([failure.code, message.test(failure.message)], [code, true], failure.message)
  return true
}

describe('openInferenceGrpcCodec, decodeRows', () => {
  it('reads raw contents in place where they are aligned', () => {
    const message = request().message(5, input('FP32')).bytes(7, floats(1.5, -2))
    const offset = (4 - (message.size % 4)) % 4 // the tensor ends where the message does
    const body = message.finish(offset).subarray(offset)
    const x = decode(body).feeds.x as Tensor
    assert.deepEqual(x.toList(), [[1.5, -2]])
    assert.equal((x.data as Float32Array).buffer, body.buffer)
  })

  it('reads fields in any order, and passes over those that it does not know', () => {
    const message = new MessageWriter().bytes(7, floats(1, 2)).integer(99, 7).message(5, input('FP32')).text(1, 'sut')
    assert.deepEqual(rowsIn(message.finish()), [[1, 2]])
  })

  it('takes the last of a name that comes twice, and joins contents that come twice', () => {
    const contents = (value: number) => new MessageWriter().float(6, value)
    const doubled = input('FP32', contents(1)).message(5, contents(2))
    assert.deepEqual(rowsIn(new MessageWriter().text(1, 'other').text(1, 'sut').message(5, doubled).finish()), [[1, 2]])
  })

  it.each([
    ['BOOL', 'bool', new MessageWriter().integers(1, [0, 1]), [[false, true]]],
    ['INT8', 'int8', new MessageWriter().integers(2, [-128, 127]), [[-128, 127]]],
    ['INT32', 'int32', new MessageWriter().integer(2, -1).integer(2, 2), [[-1, 2]]],
    ['INT64', 'int64', new MessageWriter().integers(3, [-(2n ** 63n), 5n]), [[-(2n ** 63n), 5n]]],
    ['UINT16', 'uint16', new MessageWriter().integers(4, [0, 65535]), [[0, 65535]]],
    ['UINT64', 'uint64', new MessageWriter().integers(5, [2n ** 64n - 1n, 0n]), [[2n ** 64n - 1n, 0n]]],
    ['FP64', 'float64', new MessageWriter().double(7, 0.1).double(7, -0.1), [[0.1, -0.1]]],
    ['BYTES', 'string', new MessageWriter().text(8, 'é').text(8, ''), [['é', '']]],
  ] as const)('reads typed contents of %s', (datatype, dtype, contents, rows) => {
    assert.deepEqual(rowsIn(request().message(5, input(datatype, contents)).finish(), dtype), rows)
  })

  it.each<[what: string, message: MessageWriter, code: string, text: RegExp]>([
    [
      'the name of another model',
      new MessageWriter().text(1, 'other'),
      'INPUT_INVALID',
      /names the model "other", but went to "sut"/,
    ],
    ['another version', request().text(2, '3'), 'INPUT_INVALID', /"sut" version "3"/],
    ['no input', request(), 'INPUT_MISSING', /input "x" is missing/],
    ['an input without contents', request().message(5, input('FP32')), 'INPUT_INVALID', /neither contents nor raw/],
    [
      'both kinds of contents',
      request()
        .message(5, input('FP32', new MessageWriter().float(6, 1)))
        .bytes(7, floats(1, 2)),
      'INPUT_INVALID',
      /both contents and raw/,
    ],
    [
      'an input twice',
      request().message(5, input('FP32')).message(5, input('FP32')).bytes(7, floats(1, 2)).bytes(7, floats(1, 2)),
      'INPUT_INVALID',
      /"x" is there twice/,
    ],
    [
      'more raw contents than inputs',
      request().message(5, input('FP32')).bytes(7, floats(1, 2)).bytes(7, floats(1, 2)),
      'INPUT_INVALID',
      /2 raw_input_contents for 1 inputs/,
    ],
    [
      'too few bytes',
      request().message(5, input('FP32')).bytes(7, floats(1)),
      'INPUT_SHAPE_MISMATCH',
      /needs 8 bytes, got 4/,
    ],
    [
      'too few elements',
      request().message(5, input('FP32', new MessageWriter().float(6, 1))),
      'INPUT_SHAPE_MISMATCH',
      /2 elements in fp32_contents, got 1/,
    ],
    [
      'elements in the field of another type',
      request().message(5, input('FP32', new MessageWriter().integers(2, [1, 2]))),
      'INPUT_SHAPE_MISMATCH',
      /in fp32_contents, got 0/,
    ],
    [
      'a number that its type does not hold',
      request().message(5, input('INT8', new MessageWriter().integers(2, [1, 128]))),
      'INPUT_TYPE_MISMATCH',
      /element 1 is 128, int8 holds -128 to 127/,
    ],
    [
      'typed contents of FP16',
      request().message(5, input('FP16', new MessageWriter().float(6, 1))),
      'INPUT_TYPE_MISMATCH',
      /FP16 has no typed contents/,
    ],
    [
      'a type that there is not',
      request().message(5, input('BF16')).bytes(7, floats(1, 2)),
      'INPUT_TYPE_MISMATCH',
      /BF16/,
    ],
    [
      'a size below 0',
      request()
        .message(5, new MessageWriter().text(1, 'x').text(2, 'FP32').integers(3, [-1, 2]))
        .bytes(7, floats()),
      'INPUT_INVALID',
      /not a whole number from 0 on/,
    ],
    [
      'a shape of more elements than there are bytes',
      request()
        .message(
          5,
          new MessageWriter()
            .text(1, 'x')
            .text(2, 'FP32')
            .integers(3, [2 ** 52, 2 ** 52]),
        )
        .bytes(7, floats(1)),
      'INPUT_SHAPE_MISMATCH',
      /got 4/,
    ],
    [
      'shared memory',
      request().message(
        5,
        input('FP32').message(
          4,
          new MessageWriter().text(1, 'shared_memory_region').message(2, new MessageWriter().text(3, 'r')),
        ),
      ),
      'INPUT_INVALID',
      /no shared memory/,
    ],
  ])('refuses %s', (_, message, code, text) => {
    assert.throws(() => decode(message.finish()), refusal(code, text))
  })

  it('refuses an output that is asked for twice', () => {
    const output = new MessageWriter().text(1, 'y')
    const message = request().message(6, output).message(6, output).finish()
    assert.throws(() => decode(message), refusal('INPUT_INVALID', /output "y" is asked for twice/))
  })

  it('refuses a million empty inputs after a few', () => {
    const message = Buffer.concat(new Array(1_000_000).fill(Buffer.from([0x2a, 0])))
    assert.throws(() => decode(message), refusal('INPUT_INVALID', /more than 10000/))
  })

  it('reads a million numbers that come one by one', () => {
    const numbers = Buffer.concat(new Array(1_000_000).fill(Buffer.from([0x10, 7])))
    const shape = new MessageWriter().text(1, 'x').text(2, 'INT32').integers(3, [500_000, 2]).bytes(5, numbers)
    const x = decode(request().message(5, shape).finish(), 'int32').feeds.x as Tensor
    assert.equal(
      (x.data as Int32Array).reduce((sum, each) => sum + each, 0),
      7_000_000,
    )
  })

  it('either reads or refuses a message with any byte changed', () => {
    const whole = request()
      .text(3, 'id')
      .message(5, input('FP32', new MessageWriter().bytes(6, floats(1, 2))))
      .finish()
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = whole.slice()
        changed[at] = byte
        try {
          decode(changed)
        } catch (failure) {
          assert.ok(failure instanceof ScoringError && failure.status === 400, String(failure))
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('openInferenceGrpcCodec, encode', () => {
  const y = new Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2])
  const encode = (message: MessageWriter, details?: TensorCall) => {
    const { form } = decode(message.message(5, input('FP32')).bytes(7, floats(1, 2)).finish(), 'float32', details)
    return (codec.encode(y, service, form) as { readonly body: Uint8Array<ArrayBuffer> }).body
  }

  it('writes name, version, id and raw outputs, with the prefix, in one buffer of their size', () => {
    const body = encode(request().text(3, 'id'))
    const message =
      // model_name "sut", model_version "1", id "id", outputs: "y" FP32 [2, 2], then 16 bytes
      '0a03737574 120131 1a026964 2a0d 0a0179 120446503332 1a020202 3210 0000803f 00000040 00004040 00008040'
    assert.equal(Buffer.from(body).toString('hex'), `000000002d${message.replaceAll(' ', '')}`)
    assert.equal(body.buffer.byteLength, body.length)
  })

  it('wraps the answer in a stream', () => {
    const reader = new MessageReader(
      encode(request(), { ...call, isStreamed: true }).subarray(5),
      'ModelStreamInferResponse',
    )
    assert.ok(reader.next())
    assert.equal(reader.field, 2)
  })

  it('refuses an output that there is not', () => {
    const chosen = request().message(6, new MessageWriter().text(1, 'z'))
    assert.throws(() => encode(chosen), refusal('INPUT_INVALID', /no output "z"; the service gives "y"/))
  })
})
