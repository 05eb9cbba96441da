import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { KeyFile } from '../../src/adapters/local/key-file.ts'

describe('KeyFile', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keys-'))
    path = join(folder, '.local', 'keys.json')
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('makes two different keys a service, once', async () => {
    const first = await new KeyFile(path).fetchKeys(['iris', 'digits'])
    const again = await new KeyFile(path).fetchKeys(['digits', 'iris'])
    assert.deepEqual(again, first)
    const keys = [...first.values()].flatMap(pair => [pair.primary, pair.secondary])
    assert.equal(new Set(keys).size, 4)
    for (const key of keys) assert.match(key, /^sfkey_[A-Za-z0-9_-]{43}$/) // 32 bytes in base64url
  })

  it('keeps the keys of other services, and those that people wrote', async () => {
    const own = { primary: 'p'.repeat(32), secondary: 's'.repeat(32) }
    await new KeyFile(path).fetchKeys(['iris'])
    const made = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...made, mine: own }))
    const keys = await new KeyFile(path).fetchKeys(['mine', 'new'])
    assert.deepEqual(keys.get('mine'), own)
    assert.deepEqual(Object.keys(JSON.parse(await readFile(path, 'utf8'))), ['iris', 'mine', 'new'])
  })

  it('can be read by its owner only', async () => {
    await new KeyFile(path).fetchKeys(['iris'])
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  it('refuses a file that is no JSON, or holds a short key, without quoting it', async () => {
    await new KeyFile(path).fetchKeys(['iris'])
    for (const text of [
      '{"iris": {"primary": "short-secret',
      '{"iris": {"primary": "short-secret", "secondary": "short-secret"}}',
      '[]7',
    ]) {
      await writeFile(path, text)
      await assert.rejects(new KeyFile(path).fetchKeys(['iris']), (error: Error) => {
        assert.equal(error.name, 'StartupError')
        assert.ok(!error.message.includes('short-secret'))
        return true
      })
    }
  })
})
