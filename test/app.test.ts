import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext, vi } from 'vitest'
import { startApp } from '../src/compose/app.ts'
import { identityModel } from './support/onnx-writer.ts'
import { makeServices } from './support/service-folder.ts'

const files = { 'sut/service.json': {}, 'sut/1/model.onnx': identityModel('float32') }

async function appRoot(test: TestContext, keys?: object): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'app-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  await mkdir(join(root, '.local'))
  if (keys) await writeFile(join(root, '.local', 'keys.json'), JSON.stringify(keys))
  return root
}

describe('startApp', () => {
  it('is refused when a key is no key, with one line that names the secret and not its value', async test => {
    const SCORING_MODELS = await makeServices(files, test)
    const environment = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_MODELS }
    const root = await appRoot(test, { sut: { primary: 'p'.repeat(32), secondary: `${'s'.repeat(32)} and more` } })
    await assert.rejects(startApp(environment, root), {
      name: 'StartupError',
      message:
        'secret sut-secondary-key has characters that an Authorization header cannot carry (a line break, perhaps), so it is no key: write another value, or delete the secret',
    })
  })

  it('is refused when its requests may hold less than one body, which names setting and service', async test => {
    const SCORING_MODELS = await makeServices(
      {
        'small/service.json': { limits: { maxBodyBytes: 1000 } },
        'small/1/model.onnx': files['sut/1/model.onnx'],
        'failed/service.json': { no: 'such key' },
      },
      test,
    )
    const environment = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_MODELS }
    await assert.rejects(startApp({ ...environment, SCORING_MAX_HELD_BYTES: '999' }, await appRoot(test)), {
      name: 'StartupError',
      message:
        'setting SCORING_MAX_HELD_BYTES: 999 is less than one body of service "small" may have, 1000: set more, or less in limits.maxBodyBytes of its service.json',
    })
    vi.spyOn(console, 'error').mockReturnValue()
    const app = await startApp({ ...environment, SCORING_MAX_HELD_BYTES: '3000' }, await appRoot(test))
    assert.equal(app.catalogue.find('small').bytes.maxBytes, 1500)
    await app.stop()
  })

  it('lets requests time out before the host would end the process, and says so', async test => {
    const script = `import { tensor } from 'scoring-functions'
      export const init = () => {}
      export const run = () => new Promise(() => {})`
    const SCORING_MODELS = await makeServices(
      { 'slow/service.json': { entryScript: 'score.js', limits: { timeoutMs: 900_000 } }, 'slow/score.js': script },
      test,
    )
    const errors = vi.spyOn(console, 'error').mockReturnValue()
    const environment = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_MODELS }
    const app = await startApp(
      { ...environment, AzureFunctionsJobHost__functionTimeout: '00:00:01' },
      await appRoot(test),
    )
    test.onTestFinished(() => app.stop())
    assert.match(
      errors.mock.calls.join('\n'),
      /^\[slow\] limits.timeoutMs is 900000; requests time out after 950 ms, /m,
    )
  })

  it('is refused outside Development without a vault, even when there is a key file', async test => {
    const SCORING_MODELS = await makeServices(files, test)
    const pair = { primary: 'p'.repeat(32), secondary: 's'.repeat(32) }
    await assert.rejects(
      startApp({ SCORING_MODELS }, await appRoot(test, { sut: pair })),
      /^StartupError: .*KEY_VAULT_URL/,
    )
  })
})
