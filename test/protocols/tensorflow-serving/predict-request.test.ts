import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { ScoringError } from '../../../src/errors.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import { readPredictRequest } from '../../../src/protocols/tensorflow-serving/predict-request.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { filesTensor, writePredict, writeSpec } from '../../support/predict-messages.ts'

const input = (name: string, dtype: number) =>
  new MessageWriter().text(1, name).message(2, new MessageWriter().integer(1, dtype))

describe('readPredictRequest', () => {
  it('takes fields in any order, the last of two inputs with one name, and a model_spec in two parts', () => {
    const message = new MessageWriter()
      .text(3, 'y')
      .message(2, input('a', 1))
      .message(1, writeSpec({ name: 'other', version: 2 }))
      .message(2, input('a', 9))
      .text(3, 'z')
      .message(1, writeSpec({ name: 'digits' }))
    const { spec, inputs, outputFilter } = readPredictRequest(message.finish())
    assert.deepEqual([spec.name, spec.version], ['digits', '2'])
    assert.deepEqual(
      [...inputs].map(([name, { dataType }]) => [name, dataType]),
      [['a', 9]],
    )
    assert.deepEqual([...outputFilter], ['y', 'z'])
  })

  it('passes over fields that newer clients send, and groups', () => {
    // Fields 4 to 7 came with later versions; 0x43 and 0x44 begin and end a group.
    const newer = Buffer.concat([
      writePredict({ model: { name: 'digits' } }).finish(),
      new MessageWriter().integer(4, 1).text(6, 'x').double(7, 1).finish(),
      Uint8Array.of(0x43, 0x08, 0x01, 0x44),
      writePredict({ filter: ['y'] }).finish(),
    ])
    const { spec, outputFilter } = readPredictRequest(newer)
    assert.deepEqual([spec.name, ...outputFilter], ['digits', 'y'])
  })

  it('bounds the names of a message, which take more memory than they have bytes', () => {
    const message = new MessageWriter()
    for (let index = 0; index <= 10_000; index++) message.text(3, String(index))
    assert.throws(() => readPredictRequest(message.finish()), { code: 'INPUT_INVALID', message: /more than 10000/ })
  })

  it('reads any bytes, or refuses them as INPUT_INVALID', () => {
    const whole = writePredict({
      model: { name: 'digits', version: 1, signature: 'serving_default' },
      inputs: { a: new Tensor('float32', Float32Array.of(1, 2), [1, 2]), b: filesTensor([Uint8Array.of(1, 2, 3)]) },
      filter: ['y'],
    }).finish()
    const changed = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255), end: fc.nat(whole.length) })
    fc.assert(
      fc.property(changed, ({ at, byte, end }) => {
        const bytes = Uint8Array.from(whole)
        bytes[at] = byte
        try {
          readPredictRequest(bytes.subarray(0, end))
        } catch (failure) {
          assert.ok(failure instanceof ScoringError && failure.code === 'INPUT_INVALID', String(failure))
        }
      }),
      { numRuns: 3000 },
    )
  })
})
