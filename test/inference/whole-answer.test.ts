import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { wholeAnswer } from '../../src/inference/whole-answer.ts'

const streamed = (pieces: AsyncIterable<Uint8Array>) => ({
  status: 200,
  headers: [['x-own', '1']] as const,
  body: ReadableStream.from(pieces) as ReadableStream<Uint8Array>,
  execMs: 1,
})

describe('wholeAnswer', () => {
  it('has all of a body that comes piece by piece', async () => {
    const pieces = async function* () {
      yield Uint8Array.of(1, 2)
      yield Uint8Array.of(3)
    }
    const { body, ...rest } = streamed(pieces())
    const answer = await wholeAnswer({ ...rest, body })
    assert.ok('body' in answer)
    assert.deepEqual([[...answer.body], answer.headers], [[1, 2, 3], [['x-own', '1']]])
  })

  it('is a failure of the script where the rest does not come', async () => {
    const pieces = async function* () {
      yield Uint8Array.of(1)
      throw new Error('the body of the answer ended before it was complete')
    }
    assert.deepEqual(await wholeAnswer(streamed(pieces())), {
      code: 'ENTRY_SCRIPT_FAILED',
      message: 'the body of the answer ended before it was complete. Check the logs for more info.',
    })
  })
})
