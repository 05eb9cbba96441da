import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readWholeResult } from '../../src/inference/whole-result.ts'

const streamed = (pieces: AsyncIterable<Uint8Array>) => ({
  kind: 'response' as const,
  status: 200,
  headers: [['x-own', '1']] as const,
  body: ReadableStream.from(pieces) as ReadableStream<Uint8Array>,
  timings: { queueMs: 0, batchMs: 0, decodeMs: 0, runMs: 1, encodeMs: 0 },
  rowCount: 1,
})

describe('readWholeResult', () => {
  it('has all of a body that comes piece by piece', async () => {
    const pieces = async function* () {
      yield Uint8Array.of(1, 2)
      yield Uint8Array.of(3)
    }
    const { body, ...rest } = streamed(pieces())
    const answer = await readWholeResult({ ...rest, body })
    assert.ok(answer.kind === 'response')
    assert.deepEqual([[...answer.body], answer.headers], [[1, 2, 3], [['x-own', '1']]])
  })

  it('is a failure of the script where the rest does not come', async () => {
    const pieces = async function* () {
      yield Uint8Array.of(1)
      throw new Error('the body of the answer ended before it was complete')
    }
    assert.deepEqual(await readWholeResult(streamed(pieces())), {
      kind: 'failure',
      code: 'ENTRY_SCRIPT_FAILED',
      message: 'the body of the answer ended before it was complete. Check the logs for more info.',
    })
  })
})
