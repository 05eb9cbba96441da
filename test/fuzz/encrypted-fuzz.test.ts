/** Mutated requests, public keys and bombs against the app; `npm run fuzz:encrypted` sends many more. */
import assert from 'node:assert/strict'
import { afterAll, describe, it } from 'vitest'
import { runEncryptedApp } from '../support/encrypted-app.ts'
import { runMutations } from './encrypted/run-mutations.ts'

const count = 400

describe('POST /score: mutated encrypted requests', () => {
  const cleanUps: (() => unknown)[] = []
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('get a 4xx each, or scores where they are still requests, and leave the app as it was', {
    timeout: 300_000,
  }, async () => {
    const running = await runEncryptedApp({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    const { answers, violations } = await runMutations(running, { count, seed: 14 })
    assert.deepEqual(violations, [])
    const statuses = Object.values(answers).flatMap(ofKind => Object.entries(ofKind))
    assert.equal(
      statuses.reduce((sum, [, number]) => sum + number, 0),
      count,
    )
  })
})
