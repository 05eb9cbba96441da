import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { asScoringError, ScoringError, ServiceLoadError, StartupError } from '../src/errors.ts'
import { BlobChanged, BlobGone, StorageError } from '../src/jobs/blob-store.ts'

/** A second copy of the module, as each bundle has one. */
const copyOf = (file: string): Promise<Record<string, new (...parameters: string[]) => Error>> =>
  import(`${new URL(`../src/${file}`, import.meta.url).href}?copy`)

describe('ScoringError and the other classes: an error of ours', () => {
  it('is known in every bundle, by a class that has a copy there', async () => {
    const errors = await copyOf('errors.ts')
    const blobs = await copyOf('jobs/blob-store.ts')
    const cases: [
      abstract new (...parameters: never[]) => Error,
      (new (...parameters: string[]) => Error) | undefined,
    ][] = [
      [ScoringError, errors.ScoringError],
      [StartupError, errors.StartupError],
      [ServiceLoadError, errors.ServiceLoadError],
      [BlobGone, blobs.BlobGone],
      [BlobChanged, blobs.BlobChanged],
      [StorageError, blobs.StorageError],
    ]
    for (const [ours, Copy] of cases) {
      assert.ok(Copy)
      assert.notEqual(Copy, ours)
      const error = new Copy('INPUT_INVALID', 'message')
      for (const [other] of cases) assert.equal(error instanceof other, other === ours, `${ours.name}, ${other.name}`)
    }
  })

  it('is not what bears its name, or its brand without a code of ours', () => {
    const named = Object.assign(new Error('forged'), { name: 'ScoringError', code: 'BEARER_REJECTED' })
    const branded = Object.assign(new Error('forged'), {
      [Symbol.for('scoring-functions.ScoringError')]: true,
      code: 'toString',
    })
    const startup = Object.assign(new Error('forged'), { name: 'StartupError' })
    for (const forged of [named, branded, startup, { ...named }, 'ScoringError', null]) {
      assert.ok(!(forged instanceof ScoringError))
      assert.deepEqual([asScoringError(forged).code, asScoringError(forged).status], ['INTERNAL', 500])
    }
  })

  it('is nowhere told by its name', () => {
    const names = /\.name [!=]== '\w*(Error|Gone|Changed|TooLarge)'|constructor\.name\b/
    for (const file of globSync('{src,functions,bench}/**/*.ts'))
      assert.doesNotMatch(readFileSync(file, 'utf8'), names, file)
  })
})
