import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { InferenceRequest } from '../../../src/scheduling/inference-request.ts'
import { readWorkerMessage } from '../../../src/workers/transport/messages.ts'
import {
  buffersToMove,
  type CrossingResult,
  packRequests,
  packResults,
  unpackRequests,
  unpackResults,
} from '../../../src/workers/transport/packed-dispatch.ts'
import { report } from '../pool/fake-worker.ts'

/** Three requests are running. */
const expected = () => Uint8Array.of(1, 1, 1, 0)
const results = {
  type: 'results',
  indexes: [2, 0],
  results: { texts: ['"a"', undefined], others: [[1, { kind: 'failure', code: 'BODY_NOT_JSON', message: 'no' }]] },
  isLast: false,
  runs: [1, 1, 0.5],
  bisected: 0,
}
const texts = { texts: ['"a"', '"b"'], others: [] }
const response = { kind: 'response', status: 200, headers: [], body: new Uint8Array(1) }

describe('readWorkerMessage', () => {
  it.each([
    ['that a service has loaded', { type: 'loaded', report }],
    ['that loading failed', { type: 'load-failed', reason: 'no such file' }],
    ['results', results],
    ['results that yield a request', { ...results, isLast: true, yielded: [1] }],
    ['bytes as text', { ...results, results: { ...texts, bytes: [0, 2, 1, 0] } }],
    ['a response', { ...results, results: { texts: ['"a"', undefined], others: [[1, response]] } }],
  ])('reads %s', (_, message) => {
    assert.equal(readWorkerMessage(message, expected()), message)
  })

  it('settles an index once', () => {
    const open = expected()
    readWorkerMessage(results, open)
    assert.deepEqual([...open], [0, 1, 0, 0])
    assert.equal(readWorkerMessage(results, open), undefined)
  })

  it.each([
    ['nothing', undefined],
    ['an unknown type', { type: 'answers' }],
    ['a report without notes', { type: 'loaded', report: { ...report, notes: undefined } }],
    ['a reason that is no text', { type: 'load-failed', reason: 7 }],
    ['an index that was not dispatched', { ...results, indexes: [3, 0] }],
    ['an index beyond all dispatches', { ...results, indexes: [1e9, 0] }],
    ['an index that is no number', { ...results, indexes: ['2', 0] }],
    ['an index twice', { ...results, indexes: [2, 2] }],
    ['a result too few', { ...results, indexes: [2, 0, 1] }],
    ['a text that is none', { ...results, results: { ...texts, texts: ['"a"', 7] } }],
    ['a text and a result for one index', { ...results, results: { ...results.results, texts: ['"a"', '"b"'] } }],
    ['neither text nor result', { ...results, results: { texts: ['"a"', undefined], others: [] } }],
    [
      'a result for an index that is not there',
      { ...results, results: { texts: ['"a"', undefined], others: [[2, response]] } },
    ],
    [
      'an unknown code',
      {
        ...results,
        results: { texts: ['"a"', undefined], others: [[1, { kind: 'failure', code: 'TEAPOT', message: '' }]] },
      },
    ],
    [
      'a status that HTTP does not have',
      { ...results, results: { texts: ['"a"', undefined], others: [[1, { ...response, status: 99 }]] } },
    ],
    ['bytes without a text', { ...results, results: { ...results.results, bytes: [1, 0] } }],
    ['more text than bytes', { ...results, results: { ...texts, bytes: [0, 4] } }],
    ['bytes twice', { ...results, results: { ...texts, bytes: [0, 1, 0, 1] } }],
    ['half of what is said of bytes', { ...results, results: { ...texts, bytes: [0] } }],
    ['a yielded request that has its result', { ...results, isLast: true, yielded: [0] }],
    ['a yielded request before the dispatch is done', { ...results, yielded: [1] }],
    ['a run of NaN milliseconds', { ...results, runs: [1, 1, Number.NaN] }],
    ['a run without its time', { ...results, runs: [1, 1] }],
  ])('refuses %s', (_, message) => {
    assert.equal(readWorkerMessage(message, expected()), undefined)
  })
})

describe('packRequests', () => {
  const request: fc.Arbitrary<InferenceRequest> = fc.record({
    codec: fc.constantFrom('azureml', 'tensors'),
    body: fc.oneof(
      { weight: 5, arbitrary: fc.uint8Array({ maxLength: 40 }) },
      { weight: 1, arbitrary: fc.constant(2 ** 20).map(size => new Uint8Array(size).fill(7)) }, // it is moved
      { weight: 1, arbitrary: fc.constant(2 ** 16).map(size => new Uint8Array(new SharedArrayBuffer(size)).fill(8)) },
    ),
    contentType: fc.constantFrom('application/json', undefined),
    id: fc.constantFrom('a-1', 'b', undefined),
    details: fc.option(
      fc.record(
        {
          layout: fc.constant({ shape: '1,2' }),
          tensorCall: fc.record(
            { model: fc.string(), version: fc.constant('1'), textBytes: fc.nat(9) },
            { noNullPrototype: true },
          ),
        },
        { requiredKeys: [] },
      ),
      { nil: undefined },
    ),
    tensors: fc.constant(undefined),
  })

  it('gives back what crossed to the worker, whatever requests are in a dispatch', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 6 }), requests => {
        const bodies = requests.map(({ body }) => Buffer.from(body))
        const packed = packRequests(requests)
        const unpacked = unpackRequests(structuredClone(packed, { transfer: buffersToMove(packed) }))
        assert.ok(unpacked.every(({ body }, index) => bodies[index]?.equals(body)))
        // One that is shared stays with the sender, for a worker that may run the request again.
        assert.ok(requests.every(({ body }) => body.length !== 2 ** 16 || body[0] === 8))
        const others = ({ details, ...each }: InferenceRequest) => ({
          ...each,
          body: undefined,
          layout: details?.layout,
          tensorCall: details?.tensorCall,
        })
        assert.deepEqual(unpacked.map(others), requests.map(others))
        for (const { body, details } of unpacked) {
          const textBytes = details?.tensorCall?.textBytes ?? 0
          if (body.length < 2 ** 16) assert.equal((body.byteOffset + textBytes) % 8, 0, 'tensors are aligned')
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('packResults', () => {
  const result: fc.Arbitrary<CrossingResult> = fc.oneof(
    fc.string({ unit: 'binary' }).map(body => ({ kind: 'encoded', body }) as const),
    fc.uint8Array({ maxLength: 40 }).map(body => ({ kind: 'bytes', body, textBytes: body.length }) as const),
    fc.constant({ kind: 'bytes', body: new Uint8Array(20_000).fill(7), textBytes: 8 } as const),
    fc.constant({ kind: 'failure', code: 'INPUT_INVALID', message: 'no' } as const),
  )

  it('gives back what crossed from the worker, whatever results are in a message', () => {
    const timings = { queueMs: 0, batchMs: 0, decodeMs: 0, runMs: 0, encodeMs: 0 }
    const receiveBody = () => assert.fail('no body is streamed')
    const sources = { executionProvider: undefined, timings: () => timings, rowCount: () => 1, receiveBody }
    fc.assert(
      fc.property(fc.array(result, { maxLength: 6 }), results => {
        const crossed = unpackResults(structuredClone(packResults(results)), sources)
        const plain = (each: object) =>
          'body' in each && typeof each.body !== 'string' ? [...(each.body as Uint8Array)] : each
        const scored = (each: CrossingResult) => (each.kind === 'failure' ? each : { ...each, timings, rowCount: 1 })
        assert.deepEqual(crossed.map(plain), results.map(scored).map(plain))
      }),
      { numRuns: 100 },
    )
  })
})
