import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { readAppAddress, recordAppAddress } from '../../src/workspace/app-address.ts'

const url = 'http://localhost:7071'

async function makeProject(test: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'app-address-'))
  test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
  const forget = await recordAppAddress(root, url)
  const path = join(root, '.local/app.json')
  const recorded = JSON.parse(await readFile(path, 'utf8'))
  return { root, forget, recorded, rewrite: (content: unknown) => writeFile(path, JSON.stringify(content)) }
}

describe('readAppAddress', () => {
  it('knows the app while its process runs and has not taken its address back', async test => {
    const { root, forget } = await makeProject(test)
    assert.equal(readAppAddress(root), url)
    await forget()
    assert.equal(readAppAddress(root), undefined)
  })

  it.runIf(process.platform === 'linux')(
    'does not take another process for the app that had its number before',
    async test => {
      const { root, recorded, rewrite } = await makeProject(test)
      const other = spawn('sleep', ['60'])
      test.onTestFinished(() => void other.kill())
      await rewrite({ ...recorded, pid: other.pid })
      assert.equal(readAppAddress(root), undefined)
    },
  )

  it('finds no app in what is no record of one, such as the number of a group of processes', async test => {
    const { root, recorded, rewrite } = await makeProject(test)
    for (const content of [
      { url, pid: 0 },
      { url, pid: -1 },
      { url, pid: '1' },
      { ...recorded, url: 'no' },
      [],
      null,
      7,
    ]) {
      await rewrite(content)
      assert.equal(readAppAddress(root), undefined, JSON.stringify(content))
    }
  })
})
