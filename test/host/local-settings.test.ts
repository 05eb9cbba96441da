import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { readLocalSettings } from '../../src/host/local-settings.ts'

async function folderWith(test: TestContext, content?: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'app-'))
  test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  if (content !== undefined) await writeFile(join(folder, 'local.settings.json'), text)
  return folder
}

describe('readLocalSettings', () => {
  it('returns the values, lets existing variables win with a warning, and skips null', async test => {
    const folder = await folderWith(test, { Values: { A: 'a', B: 'b', C: null, D: 5, E: true } })
    const settings = readLocalSettings(folder, { B: 'mine' })
    assert.deepEqual(settings.values, { A: 'a', D: '5', E: 'true' })
    assert.deepEqual(settings.warnings, [
      "Skipping 'B' from local settings as it's already defined in current environment variables.",
    ])
  })

  it('leaves out a connection string where the environment has an identity for the account', async test => {
    const folder = await folderWith(test)
    const { values } = readLocalSettings(folder, { AzureWebJobsStorage__queueServiceUri: 'https://q.example' })
    assert.deepEqual(values, { FUNCTIONS_WORKER_RUNTIME: 'node' })
  })

  it('returns the port, and accepts the other settings of func', async test => {
    const host = { LocalHttpPort: 7123, CORS: '*', CORSCredentials: false }
    const folder = await folderWith(test, { IsEncrypted: false, Host: host, ConnectionStrings: { X: 'y' } })
    assert.equal(readLocalSettings(folder, {}).port, 7123)
  })

  it('accepts a byte order mark', async test => {
    const folder = await folderWith(test, '\uFEFF{"Values": {"A": "a"}}')
    assert.deepEqual(readLocalSettings(folder, {}).values, { A: 'a' })
  })

  it('creates the file when there is none', async test => {
    const folder = await folderWith(test)
    const values = { FUNCTIONS_WORKER_RUNTIME: 'node', AzureWebJobsStorage: 'UseDevelopmentStorage=true' }
    assert.deepEqual(readLocalSettings(folder, {}).values, values)
    const made = JSON.parse(await readFile(join(folder, 'local.settings.json'), 'utf8'))
    assert.deepEqual(made, { IsEncrypted: false, Values: values })
  })

  it.for([
    ['bad JSON without quoting it', '{"Values": {"KEY": "secret"', /is not valid JSON/],
    ['encrypted values', { IsEncrypted: true, Values: {} }, /is encrypted/],
    ['an array', [], /must hold a JSON object/],
    ['values of another type', { Values: { A: {} } }, /Values\.A must be a string/],
    ['a port that is not one', { Host: { LocalHttpPort: 'many' } }, /LocalHttpPort/],
  ] as const)('refuses %s', async ([, content, message], test) => {
    const folder = await folderWith(test, content)
    assert.throws(
      () => readLocalSettings(folder, {}),
      (error: Error) => error.name === 'StartupError' && message.test(error.message) && !/secret/.test(error.message),
    )
  })
})
