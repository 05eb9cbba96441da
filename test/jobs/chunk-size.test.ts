import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { chooseChunkBytes, chunkSize } from '../../src/jobs/chunk-size.ts'

const [KiB, MiB, GiB] = [2 ** 10, 2 ** 20, 2 ** 30]

describe('chooseChunkBytes', () => {
  it.each([
    [0, 256 * KiB],
    [100 * KiB, 256 * KiB],
    [16 * MiB, 512 * KiB],
    [64 * MiB, 2 * MiB],
    [10 * GiB, 4 * MiB],
  ])('divides an input of %i bytes into chunks of %i', (bytes, chunk) => {
    assert.equal(chooseChunkBytes(bytes), chunk)
  })

  it('divides it into fewer chunks where one would be done within a tenth of a second', () => {
    assert.equal(chooseChunkBytes(10 * MiB, 100), 320 * KiB)
    assert.equal(chooseChunkBytes(10 * MiB, 10_000), 1_000_000)
    assert.equal(chooseChunkBytes(10 * MiB, 1_000_000), 4 * MiB)
    assert.equal(chooseChunkBytes(64 * MiB, 10_000), 2 * MiB)
  })

  it('makes fewer chunks than an output may have blocks', () => {
    for (const bytes of [40_000 * MiB, 100 * GiB, 1000 * GiB]) assert.ok(bytes / chooseChunkBytes(bytes) <= 40_000)
  })
})

describe('chunkSize', () => {
  it('is that of the submission or of the pinned bytes, and for a job of 0.1.0 what it was', () => {
    assert.deepEqual(chunkSize({ miniBatchSize: 1000 }), { miniBatchSize: 1000, maxChunkBytes: 8 * MiB })
    assert.deepEqual(chunkSize({ chunkBytes: 300 * KiB }), { miniBatchSize: 100_000, maxChunkBytes: 300 * KiB })
  })
})
