import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'vitest'
import { KeyFile } from '../../src/adapters/local/key-file.ts'

describe('KeyFile', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keys-'))
    path = join(folder, '.local', 'keys.json')
  })
  afterEach(() => rm(folder, { recursive: true, maxRetries: 9 }))
  const written = async () => JSON.parse(await readFile(path, 'utf8'))

  it('makes two different keys a service, once', async () => {
    await new KeyFile(path).makeMissingKeys(['iris', 'digits'])
    const first = await written()
    await new KeyFile(path).makeMissingKeys(['digits', 'iris'])
    assert.deepEqual(await written(), first)
    const keys = Object.values(first as Record<string, object>).flatMap(pair => Object.values(pair))
    assert.equal(new Set(keys).size, 4)
    for (const key of keys) assert.match(key, /^sfkey_[A-Za-z0-9_-]{43}$/) // 32 bytes in base64url
  })

  it('keeps the keys of other services, and those that people wrote', async () => {
    const own = { primary: 'p'.repeat(32), secondary: 's'.repeat(32) }
    await new KeyFile(path).makeMissingKeys(['iris'])
    await writeFile(path, JSON.stringify({ ...(await written()), mine: own }))
    await new KeyFile(path).makeMissingKeys(['mine', 'new'])
    assert.deepEqual((await written()).mine, own)
    assert.deepEqual(Object.keys(await written()), ['iris', 'mine', 'new'])
  })

  it('loses no keys that are made at the same time', async () => {
    const files = [new KeyFile(path), new KeyFile(path)] // of two processes
    const names = Array.from({ length: 20 }, (_, index) => `service-${index}`)
    await Promise.all(names.map((name, index) => files[index % 2]?.makeMissingKeys([name])))
    assert.deepEqual(Object.keys(await written()).sort(), [...names].sort())
    assert.deepEqual(await readdir(join(folder, '.local')), ['keys.json'])
  })

  it('makes keys again after a failure', async () => {
    const file = new KeyFile(path)
    await file.makeMissingKeys(['iris'])
    await writeFile(path, '{half')
    await assert.rejects(file.makeMissingKeys(['digits']), /is not a JSON object/)
    await rm(path)
    await file.makeMissingKeys(['digits'])
    assert.deepEqual(Object.keys(await written()), ['digits'])
  })

  it('reads a key from the file by the name that it would have in a vault', async () => {
    const file = new KeyFile(path)
    await file.makeMissingKeys(['iris'])
    assert.equal((await file.fetchSecret('iris-primary-key'))?.value, (await written()).iris.primary)
    await file.writeSecret('iris-secondary-key', 'n'.repeat(32))
    assert.equal((await written()).iris.secondary, 'n'.repeat(32))
    assert.equal((await file.fetchSecret('iris-secondary-key'))?.value, 'n'.repeat(32))
    for (const name of ['digits-primary-key', 'iris-tertiary-key', 'iris'])
      assert.equal(await file.fetchSecret(name), undefined, name)
  })

  it('is not read when no service has keys', async () => {
    await new KeyFile(path).makeMissingKeys(['iris'])
    await writeFile(path, '{half')
    await new KeyFile(path).makeMissingKeys([])
    await assert.rejects(new KeyFile(path).makeMissingKeys(['iris']), /is not a JSON object/)
  })

  it('can be read by its owner only', async () => {
    await new KeyFile(path).makeMissingKeys(['iris'])
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  it('refuses a file that is no JSON, or holds a short key, without quoting it', async () => {
    await new KeyFile(path).makeMissingKeys(['iris'])
    for (const text of [
      '{"iris": {"primary": "short-secret',
      '{"iris": {"primary": "short-secret", "secondary": "short-secret"}}',
      '[]7',
    ]) {
      await writeFile(path, text)
      for (const read of [
        () => new KeyFile(path).makeMissingKeys(['iris']),
        () => new KeyFile(path).fetchSecret('iris-primary-key'),
      ]) {
        await assert.rejects(read, (error: Error) => {
          assert.equal(error.name, 'StartupError')
          assert.ok(!error.message.includes('short-secret'))
          return true
        })
      }
    }
  })
})
