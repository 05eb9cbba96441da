import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { paced } from '../../../src/jobs/plan/paced.ts'

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < count; piece++) {
    const startedAt = performance.now()
    while (performance.now() - startedAt < 3) {
      // A piece takes three milliseconds of the thread.
    }
    yield Uint8Array.of(piece)
  }
}

async function read(source: AsyncIterable<Uint8Array>): Promise<number[]> {
  const all: number[] = []
  for await (const [piece] of source) all.push(piece as number)
  return all
}

describe('paced', () => {
  it.each([true, false])('gives all pieces in order, whether there are callers or not', async hasCallers => {
    assert.deepEqual(await read(paced(pieces(5), () => hasCallers)), [0, 1, 2, 3, 4])
  })

  it('lets what waits have its turn between pieces, while there are callers', async () => {
    const turnsBeside = async (hasCallers: boolean) => {
      let turns = 0
      const timer = setInterval(() => turns++, 1)
      await read(paced(pieces(20), () => hasCallers))
      clearInterval(timer)
      return turns
    }
    assert.equal(await turnsBeside(false), 0)
    assert.ok((await turnsBeside(true)) > 5)
  })

  it('ends the source when its reader stops', async () => {
    let isEnded = false
    async function* source() {
      try {
        yield* pieces(5)
      } finally {
        isEnded = true
      }
    }
    for await (const _ of paced(source(), () => false)) break
    assert.equal(isEnded, true)
  })
})
