import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startAzurite, wantsLocalStorage } from '../../src/host/azurite.ts'
import { send } from './host-child.ts'

/** How a storage service calls itself; the request has no credentials, so it is refused. */
async function serverOf(url: string): Promise<string> {
  const { port, pathname } = new URL(url)
  const { headers } = await send({ port: Number(port) }, `${pathname}?comp=list`)
  return String(headers.server)
}

describe('startAzurite', () => {
  it('serves blobs, queues and tables until it is stopped, and keeps its folder to itself meanwhile', async test => {
    const location = await mkdtemp(join(tmpdir(), 'azurite-'))
    test.after(() => rm(location, { recursive: true, force: true }))
    const storage = await startAzurite(location, () => {})
    const urls = [
      ...storage.connectionString.matchAll(
        /(?:Blob|Queue|Table)Endpoint=(http:\/\/127\.0\.0\.1:\d+\/devstoreaccount1);/g,
      ),
    ]
    assert.equal(urls.length, 3)
    assert.equal(storage.isKept, true)
    for (const [, url] of urls) assert.match(await serverOf(url!), /Azurite/)

    const second = await startAzurite(location, () => {})
    assert.equal(second.isKept, false)
    assert.deepEqual(await Promise.all([second.stop(), storage.stop()]), ['ended', 'ended'])
    for (const [, url] of urls) await assert.rejects(serverOf(url!))
  })
})

describe('wantsLocalStorage', () => {
  it('is true without a connection string and for development storage', () => {
    assert.equal(wantsLocalStorage({}), true)
    assert.equal(wantsLocalStorage({ AzureWebJobsStorage: '' }), true)
    assert.equal(wantsLocalStorage({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' }), true)
    assert.equal(wantsLocalStorage({ AzureWebJobsStorage: 'AccountName=mine;AccountKey=x' }), false)
  })
})
