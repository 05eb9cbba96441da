/** The Open Inference Protocol V2, spoken by clients that nobody here wrote. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { tritonFiles, tritonServices, writeLogisticCase } from '../support/triton-models.ts'
import { run } from './tools.ts'

const source = (path: string) => join(import.meta.dirname, 'python', path)

describe('the Open Inference Protocol V2 over REST', () => {
  const cleanUps: (() => unknown)[] = []
  const suite = { onTestFinished: (each: () => unknown) => void cleanUps.push(each) }
  let app: RunningApp
  let keys: string
  let logistic: string
  beforeAll(async () => {
    app = await runApp(suite, await tritonFiles())
    await app.settled()
    const entries = tritonServices.map(async name => [name, await app.keyOf(name)] as const)
    keys = JSON.stringify(Object.fromEntries(await Promise.all(entries)))
    logistic = await writeLogisticCase(suite)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it("answers Triton's client as Triton does", async test => {
    const tool = await pythonWith(source('triton-requirements.txt'))
    if ('missing' in tool) return test.skip(tool.missing)
    const called = await run(tool.python, source('infer_triton.py'), app.url, keys, logistic)
    assert.deepEqual([called.stderr, called.code], ['', 0])
    assert.equal(called.stdout.trim(), '202')
  })

  it("answers KServe's client", async test => {
    const tool = await pythonWith(source('kserve-requirements.txt'), '--no-deps')
    if ('missing' in tool) return test.skip(tool.missing)
    const called = await run(tool.python, source('infer_kserve.py'), app.url, await app.keyOf('simple'))
    assert.deepEqual([called.stderr, called.stdout.trim()], ['', 'ok'])
  })
})
