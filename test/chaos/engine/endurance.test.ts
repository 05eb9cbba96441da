import assert from 'node:assert/strict'
import { it } from 'node:test'
import { endure } from './endurance.ts'
import { violationsOf } from './violations.ts'

const seconds = 12

it('answers every request once and rightly while its scoring threads are ended at random', async test => {
  if (process.platform === 'win32') return test.skip('signals that do not end a process')
  const seed = Date.now() % 2 ** 31
  const found = await endure(test, { seconds, warmUpSeconds: seconds / 4, seed, isLong: false })
  assert.deepEqual(violationsOf(found, false), [], `seed ${seed}: ${JSON.stringify(found)}`)
})
