import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { identityModel } from '../../support/onnx-writer.ts'
import { codeOf, jsonOf, serve } from '../../support/scoring-scheduler.ts'
import type { ServiceFiles } from '../../support/service-folder.ts'

const type = 'application/x-test'
const script = (decode: string, definition: object = {}): ServiceFiles => ({
  'sut/service.json': { entryScript: 'score.ts', ...definition },
  'sut/score.ts': `
    import { decodeImage, Tensor, tensor } from 'scoring-functions'
    import { setTimeout as sleep } from 'node:timers/promises'
    export const input = tensor([[0, 0]], 'float32')
    export const accepts = ['${type}', 'picture/*']
    export const init = () => {}
    let largest = 0
    export const run = ({ data }) => {
      largest = Math.max(largest, data.shape[0])
      return Array.from({ length: data.shape[0] }, (_, row) => [...data.data.subarray(2 * row, 2 * row + 2)])
    }
    const row = bytes => Tensor.from('float32', [[...bytes]])
    ${decode}`,
})
const good = `export const decode = async ({ bytes }) => { await sleep(bytes[1]); return row(bytes) }`
const rowOf = (answer: InferenceResult) => JSON.parse(jsonOf(answer))[0][0]

describe('custom content types', () => {
  it('passes the bytes and the media type to decode, whose rows are scored like those of JSON', async test => {
    const { sendAs, send, report } = await serve(
      test,
      script(`export const decode = ({ bytes, contentType }) =>
        bytes.buffer.byteLength === bytes.length && contentType === 'picture/new' ? { data: row(bytes) } : undefined`),
    )
    assert.equal(jsonOf(await sendAs('Picture/NEW; q=1', Uint8Array.of(7, 0))), '[[7, 0]]')
    assert.equal(jsonOf(await send({ data: [[7, 0]] })), '[[7, 0]]')
    assert.deepEqual(report.mediaTypes, [type, 'picture/*', 'application/x-npy', 'application/octet-stream'])
    assert.equal(codeOf(await sendAs('pictures/new', Uint8Array.of(7, 0))), 'CONTENT_TYPE_UNSUPPORTED')
  })

  it('decodes several bodies at once, whose rows share a run with others', async test => {
    const { sendAs, send } = await serve(
      test,
      script(
        `let going = 0, most = 0
        export const decode = async ({ bytes }) => {
          if (most === 0) largest = 0 // the warm-up has run rows together
          most = Math.max(most, ++going)
          await sleep(20)
          going--
          return Tensor.from('float32', [[most, largest]])
        }`,
        { batching: { maxRows: 64, rowsAreIndependent: true } },
      ),
    )
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 ? send({ data: [[1, 0]] }) : sendAs(type, Uint8Array.of(1)))),
    )
    const pictures = answers.filter((_, index) => index % 2 === 0).map(answer => JSON.parse(jsonOf(answer))[0])
    assert.equal(Math.max(...pictures.map(([most]) => most)), 4)
    assert.ok(Math.max(...pictures.map(([, largest]) => largest)) > 1)
  })

  const culprits: [name: string, code: string, expected: string][] = [
    ['throws', 'throw new Error("secret")', 'ENTRY_SCRIPT_FAILED'],
    ['throws later', 'await sleep(5); throw new Error("secret")', 'ENTRY_SCRIPT_FAILED'],
    ['finds a fault of the caller', 'return Tensor.from("float32", [["a"]])', 'INPUT_TYPE_MISMATCH'],
    ['never ends', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)', 'SCORING_TIMEOUT'],
    ['waits for ever', 'await new Promise(() => {})', 'SCORING_TIMEOUT'],
    ['ends its thread', 'process.exit(3)', 'ENTRY_SCRIPT_ENDED_THREAD'],
    ['ends its thread later', 'await sleep(5); process.exit(3)', 'ENTRY_SCRIPT_ENDED_THREAD'],
    ['returns nothing', 'return', 'ENTRY_SCRIPT_FAILED'],
    ['returns another type', 'return Tensor.from("float64", [[1, 2]])', 'ENTRY_SCRIPT_FAILED'],
    ['returns another shape', 'return Tensor.from("float32", [[1, 2, 3]])', 'INPUT_SHAPE_MISMATCH'],
    ['is given no picture', 'return decodeImage(bytes)', 'IMAGE_NOT_DECODABLE'],
    ['misuses decodeImage', 'return decodeImage(bytes, { channels: 9 })', 'ENTRY_SCRIPT_FAILED'],
  ]
  for (const [name, code, expected] of culprits) {
    it(`fails only the request whose decode ${name}`, async test => {
      const { sendAs, send } = await serve(
        test,
        script(`export const decode = async ({ bytes }) => { if (bytes[0] === 66) { ${code} } return row(bytes) }`, {
          limits: { timeoutMs: 4000 },
        }),
      )
      const answers = await Promise.all([
        sendAs(type, Uint8Array.of(1, 0)),
        send({ data: [[2, 0]] }),
        sendAs(type, Uint8Array.of(66, 0)),
        sendAs(type, Uint8Array.of(4, 0)),
        send({ data: [[5, 0]] }),
      ])
      const culprit = answers.splice(2, 1)[0] as InferenceResult
      assert.equal(codeOf(culprit), expected)
      assert.ok('message' in culprit && !culprit.message.includes('secret'))
      assert.deepEqual(answers.map(rowOf), [1, 2, 4, 5])
      assert.equal(rowOf(await sendAs(type, Uint8Array.of(6, 0))), 6)
    })
  }

  it('answers in time while another body is still being decoded', async test => {
    const { sendAs, send } = await serve(test, script(good, { limits: { timeoutMs: 20_000 } }))
    const order: string[] = []
    const done = (name: string) => (answer: InferenceResult) => {
      order.push(name)
      return rowOf(answer)
    }
    await Promise.all([
      sendAs(type, Uint8Array.of(1, 250)).then(done('slow')),
      sendAs(type, Uint8Array.of(2, 0)).then(done('quick')),
      send({ data: [[3, 0]] }).then(done('rows')),
    ])
    assert.equal(order.at(-1), 'slow')
  })

  it('enforces the limit of rows', async test => {
    const { sendAs } = await serve(
      test,
      script(`export const decode = ({ bytes }) => Tensor.from('float32', Array.from(bytes, b => [b, 0]))`, {
        limits: { maxRows: 2 },
      }),
    )
    assert.equal(jsonOf(await sendAs(type, Uint8Array.of(1, 2))), '[[1, 0], [2, 0]]')
    assert.equal(codeOf(await sendAs(type, Uint8Array.of(1, 2, 3))), 'TOO_MANY_ROWS')
    assert.equal(codeOf(await sendAs(type, Uint8Array.of())), 'BODY_EMPTY')
  })

  const refused: [name: string, exports: string, message: RegExp][] = [
    ['accepts without decode', `export const accepts = ['a/b']`, /accepts, so it must export a function decode\(\)/],
    ['decode without accepts', `export const decode = () => {}`, /exports decode\(\), so it must also export accepts/],
    [
      'accepts without input',
      `export const accepts = ['a/b']; export const decode = () => {}; export { none as input }; let none`,
      /must export input = tensor\(\.\.\.\)/,
    ],
    [
      'accepts with rawHttp',
      `export const accepts = ['a/b']; export const decode = () => {}; export const rawHttp = true; export { none as input }; let none`,
      /both rawHttp and accepts/,
    ],
    ['a text', `export const accepts = 'a/b'; export const decode = () => {}`, /must be a list of media types/],
    [
      'no media type',
      `export const accepts = ['png']; export const decode = () => {}`,
      /has "png", which is not a media type/,
    ],
    ['everything', `export const accepts = ['*/*']; export const decode = () => {}`, /is not a media type/],
    ['JSON', `export const accepts = ['application/json']; export const decode = () => {}`, /JSON is always accepted/],
  ]
  for (const [name, exports, message] of refused) {
    it(`rejects a script with ${name}`, async test => {
      const declared = exports.includes('as input') ? '' : `export const input = tensor([[0, 0]], 'float32')`
      const files = {
        'sut/service.json': { entryScript: 'score.js' },
        'sut/score.js': `import { tensor } from 'scoring-functions'; export const init = () => {}; export const run = () => {}; ${declared}; ${exports}`,
      }
      await assert.rejects(serve(test, files), { name: 'ServiceLoadError', message })
    })
  }
})

describe('builtInScript', () => {
  it('passes raw bytes of every type to the model without a copy, also from a shared buffer', async test => {
    const { sendAs } = await serve(test, {
      'sut/service.json': { batching: { maxRows: 64 } },
      'sut/1/model.onnx': identityModel('uint8', ['batch', 3]),
    })
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        sendAs(
          'application/octet-stream',
          Uint8Array.from({ length: 3 * (1 + (index % 3)) }, () => index),
        ),
      ),
    )
    for (const [index, answer] of answers.entries()) {
      const rows = JSON.parse(jsonOf(answer))
      assert.deepEqual(rows, Array(1 + (index % 3)).fill([index, index, index]))
    }
  })
})
