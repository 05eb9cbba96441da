import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import * as z from 'zod'
import { initScript } from '../../src/scripts/script.ts'

const row = z.object({ age: z.number(), plan: z.enum(['basic', 'plus']) })
const module = { init: () => {}, run: () => {}, input: z.object({ data: z.array(row).min(1) }) }
const context = { modelDir: '', loadModel: () => Promise.reject(new Error('no model')), log: () => {} }

async function decode(body: Record<string, unknown>): Promise<unknown> {
  const script = await initScript(module, { file: 'plans/score.ts', context, rowsAreIndependent: undefined })
  assert.ok(script.kind === 'object')
  return script.decode(body)
}

describe('initScript', () => {
  it.for([
    [{ age: 'old', plan: 'basic' }, 'input "data"[1].age: expected number, received string'],
    [{ plan: 'basic' }, 'input "data"[1].age: expected number, but it is missing'],
    [{ age: Number.NaN, plan: 'basic' }, 'input "data"[1].age: expected number, received NaN'],
    [{ age: 22, plan: 'pro' }, 'input "data"[1].plan: expected one of "basic"|"plus"'],
    [7, 'input "data"[1]: expected object, received number'],
  ])('names the place of %j that a schema refuses, as it does for tensors', async ([second, message]) => {
    await assert.rejects(decode({ data: [{ age: 22, plan: 'plus' }, second] }), { code: 'INPUT_INVALID', message })
  })

  it('keeps the message of Azure Machine Learning for a missing parameter', async () => {
    await assert.rejects(decode({ rows: [] }), {
      code: 'INPUT_MISSING',
      message: "A value is not provided for the 'data' parameter.",
    })
  })
})
