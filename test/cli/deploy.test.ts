import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { deploy, traffic } from '../../src/cli/workspace/services.ts'
import { Webservice, Workspace } from '../../src/client/index.ts'
import { makeServices } from '../support/service-folder.ts'

/** Options of commands in a project with the service "churn", which no app serves. */
async function makeProject(test: TestContext) {
  const app = await mkdtemp(join(tmpdir(), 'deploy-'))
  test.onTestFinished(() => rm(app, { recursive: true, maxRetries: 9 }))
  await writeFile(join(app, 'host.json'), '{"version": "2.0"}')
  const models = await makeServices({ 'churn/service.json': {}, 'churn/1/model.onnx': '' }, test)
  return { app, models, wait: false }
}

describe('scoring deploy, traffic and services', () => {
  it('say in words of the command line what is missing', async test => {
    const options = await makeProject(test)
    await assert.rejects(deploy('churn', options), {
      message: 'say what to change of "churn", e.g. --model churn:2 or --tag stage=two',
    })
    await assert.rejects(deploy('wine', { ...options, tag: { stage: 'two' } }), {
      message: 'there is no service "wine" yet; name its model, e.g. --model wine',
    })
    await assert.rejects(traffic('churn', ['blue=90', 'green=10'], options), {
      message: /^churn has one deployment only; add another: npx scoring deploy churn .* --deployment green$/,
    })
  })

  it('name the address at which no app answers', async test => {
    const { app, models } = await makeProject(test)
    const server = createServer()
    const port = await new Promise<number>(found =>
      server.listen(0, '127.0.0.1', () => found((server.address() as { port: number }).port)),
    )
    await new Promise(closed => server.close(closed))
    const url = `http://127.0.0.1:${port}`
    const { state, status } = await Webservice.get(await Workspace.fromFolder(app, { models, url }), 'churn')
    assert.equal(state, 'Unknown')
    assert.equal(
      status.reason,
      `could not reach ${url}/health/ready: nothing listens there; start the app with "npx scoring start"`,
    )
  })
})
