import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { startAzurite, usesLocalStorage } from '../../../src/host/azurite/local-storage.ts'
import { openAzureQueue } from '../../../src/host/queue/azure-queue.ts'
import { skipFor } from '../../support/skip-for.ts'
import { send } from '../host-child.ts'

/** The Server header of a storage service; the request has no credentials, so it is refused. */
async function readServerName(url: string): Promise<string> {
  const { port, pathname } = new URL(url)
  const { headers } = await send({ port: Number(port) }, `${pathname}?comp=list`)
  return String(headers.server)
}

/** Processes are found in /proc. */
const noProc = process.platform !== 'linux' && 'needs /proc'

/** Our own child that was told to use this folder. */
async function childWith(location: string): Promise<number> {
  for (const pid of await readdir('/proc')) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (commandLine.split('\0').includes(location)) return Number(pid)
  }
  throw new Error('Azurite does not run')
}

describe('startAzurite', () => {
  it('serves blobs, queues and tables until it is stopped, and locks its folder meanwhile', async test => {
    const location = await mkdtemp(join(tmpdir(), 'azurite-'))
    test.onTestFinished(() => rm(location, { recursive: true, force: true, maxRetries: 9 }))
    const keptIn = join(location, 'connection-string')
    const storage = await startAzurite(location, () => {}, { keptIn })
    assert.equal(await readFile(keptIn, 'utf8'), `${storage.connectionString}\n`)
    const urls = [
      ...storage.connectionString.matchAll(
        /(?:Blob|Queue|Table)Endpoint=(http:\/\/127\.0\.0\.1:\d+\/devstoreaccount1);/g,
      ),
    ]
    assert.equal(urls.length, 3)
    assert.equal(storage.isPersistent, true)
    for (const [, url] of urls) assert.match(await readServerName(url!), /Azurite/)

    const second = await startAzurite(location, () => {}, { keptIn })
    assert.equal(second.isPersistent, false)
    assert.equal(second.hasWellKnownPorts, false)
    assert.equal(await readFile(keptIn, 'utf8'), `${storage.connectionString}\n`)
    assert.deepEqual(await Promise.all([second.stop(), storage.stop()]), ['ended', 'ended'])
    for (const [, url] of urls) await assert.rejects(readServerName(url!))
  })

  it('restarts on the same ports with the same data when it is killed', skipFor(noProc), async test => {
    const location = await mkdtemp(join(tmpdir(), 'azurite-'))
    test.onTestFinished(() => rm(location, { recursive: true, force: true, maxRetries: 9 }))
    const before = await startAzurite(location, () => {})
    await openAzureQueue(before.connectionString, 'stored').send('before')
    await before.stop() // it saves what it has when it ends, and otherwise only now and then
    const lines: string[] = []
    let onLine = () => {}
    const storage = await startAzurite(location, line => {
      lines.push(line)
      onLine()
    })
    test.onTestFinished(async () => {
      await storage.stop()
    })
    process.kill(await childWith(location), 'SIGKILL')
    while (lines.length < 2) {
      await new Promise<void>(resolve => {
        onLine = resolve
      })
    }
    assert.match(lines[0]!, /^Local storage \(Azurite\) ended \(SIGKILL\), and writes of its last seconds may be lost/)
    assert.equal(lines[1], 'Local storage (Azurite) is running again.')
    assert.deepEqual(
      (await openAzureQueue(storage.connectionString, 'stored').receive(1, 1000)).map(({ text }) => text),
      ['before'],
    )
  })
})

describe('usesLocalStorage', () => {
  it('is true without a connection string and for development storage', () => {
    assert.equal(usesLocalStorage({}), true)
    assert.equal(usesLocalStorage({ AzureWebJobsStorage: '' }), true)
    assert.equal(usesLocalStorage({ AzureWebJobsStorage__queueServiceUri: 'https://q.example' }), false)
    assert.equal(usesLocalStorage({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' }), true)
    assert.equal(usesLocalStorage({ AzureWebJobsStorage: 'AccountName=mine;AccountKey=x' }), false)
  })
})
