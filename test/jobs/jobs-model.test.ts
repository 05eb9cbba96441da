import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runScenarios } from './model/run-scenarios.ts'

describe('the steps of jobs, whatever breaks', () => {
  it('commit every row of the input once, in order, or say why not', async () => {
    const seen = await runScenarios(400)
    assert.ok(seen.Completed)
  })
})
