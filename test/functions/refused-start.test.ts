import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { AzureWorker } from '../support/azure-worker.ts'
import { copyOfApp } from '../support/running-app.ts'

describe("an app that Azure's Node worker cannot start", () => {
  const worker = new AzureWorker()
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    process.env.AZURE_FUNCTIONS_ENVIRONMENT = 'Production'
    process.env.SCORING_MODELS = 'models'
    delete process.env.KEY_VAULT_URL
    const root = await copyOfApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) })
    await assert.rejects(worker.load(root), /^StartupError: outside Development the keys live in Azure Key Vault/)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('refuses requests that come all the same', async () => {
    const headers = { authorization: `Bearer ${'k'.repeat(40)}`, 'content-type': 'application/json' }
    const params = { service: 'diabetes' }
    for (const [name, method] of [
      ['score', 'POST'],
      ['score', 'GET'],
      ['score-default', 'POST'],
      ['openapi', 'GET'],
      ['openapi-default', 'GET'],
      ['service', 'GET'],
      ['docs', 'GET'],
      ['ready', 'GET'],
    ] as const) {
      const { status, body } = await worker.invoke(name, { method, path: '/x', headers, params })
      assert.deepEqual([name, status, JSON.parse(body).code], [name, 503, 'APP_NOT_STARTED'])
    }
    assert.equal((await worker.invoke('live', { method: 'GET', path: '/health/live' })).status, 200)
  })

  it('ends in good order', async () => {
    await worker.runHooks('appTerminate')
  })
})
