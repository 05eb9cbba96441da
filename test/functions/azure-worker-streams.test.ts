import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { AzureWorker } from '../support/azure-worker.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'

describe("a script that answers with a stream, in Azure's Node worker", () => {
  it('is sent as it comes', async test => {
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
      },
      test,
    )
    await worker.load(await copyOfApp(test))
    test.onTestFinished(async () => {
      await worker.runHooks('appTerminate')
    })
    const score = (body: string, onPiece?: (piece: string) => void) =>
      worker.invoke('score', {
        method: 'POST',
        path: '/api/v1/service/sut/score',
        params: { service: 'sut' },
        body,
        ...(onPiece ? { onPiece } : {}),
      })
    const first = Promise.withResolvers<string>()
    const answer = score('steps', first.resolve)
    assert.equal(await first.promise, 'one ')
    assert.equal((await score('go on')).status, 200)
    const { status, body } = await answer
    assert.deepEqual([status, body], [200, 'one two'])
  })
})
