import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { AzureWorker } from '../support/azure-worker.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'

describe("an answer of a script, in Azure's Node worker", () => {
  it('is sent as it comes, and headers of a script stand in place of those of the app', async test => {
    const worker = new AzureWorker()
    process.env.AZURE_FUNCTIONS_ENVIRONMENT = 'Development'
    process.env.AzureWebJobsStorage = ''
    process.env.SCORING_MODELS = await makeServices(
      {
        'sut/service.json': { entryScript: 'score.js', auth: { mode: 'none' } },
        'sut/score.js': `
          const open = Promise.withResolvers()
          async function* steps() { yield 'one '; await open.promise; yield 'two' }
          export const init = () => {}
          export const run = text => text === 'go on' ? open.resolve() : new Response(ReadableStream.from(steps()))`,
        'own/service.json': { entryScript: 'score.js', auth: { mode: 'none' } },
        'own/score.js': `
          const headers = { 'Strict-Transport-Security': 'max-age=5', 'Cache-Control': 'max-age=60' }
          export const init = () => {}
          export const run = () => new Response('', { headers })`,
      },
      test,
    )
    await worker.load(await copyOfApp(test))
    test.onTestFinished(async () => {
      await worker.runHooks('appTerminate')
    })
    const score = (body: string, onPiece?: (piece: string) => void, service = 'sut') =>
      worker.invoke('score', {
        method: 'POST',
        path: `/api/v1/service/${service}/score`,
        params: { service },
        body,
        ...(onPiece ? { onPiece } : {}),
      })
    const first = Promise.withResolvers<string>()
    const answer = score('steps', first.resolve)
    assert.equal(await first.promise, 'one ')
    assert.equal((await score('go on')).status, 200)
    const { status, body } = await answer
    assert.deepEqual([status, body], [200, 'one two'])
    // Two policies in one header would be none. (RFC 6797, section 6.1)
    const { headers } = await score('', undefined, 'own')
    assert.deepEqual([headers['strict-transport-security'], headers['cache-control']], ['max-age=5', 'max-age=60'])
  })
})
