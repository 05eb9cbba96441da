import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { keepConnectionString, listPorts, type StoragePorts } from '../../../src/host/azurite/storage-ports.ts'

async function listen(test: TestContext, address: string): Promise<Server> {
  const server = createServer(socket => socket.destroy()).listen(0, address)
  test.onTestFinished(() => void server.close())
  await once(server, 'listening')
  return server
}

const readPort = (server: Server) => (server.address() as AddressInfo).port

/** Three ports that were free a moment ago. */
async function threePorts(test: TestContext): Promise<StoragePorts> {
  const servers = [await listen(test, '127.0.0.1'), await listen(test, '127.0.0.1'), await listen(test, '127.0.0.1')]
  const [blob = 0, queue = 0, table = 0] = servers.map(readPort)
  for (const server of servers) await once(server.close(), 'close')
  return [blob, queue, table]
}

async function fileIn(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ports-'))
  test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
  return join(folder, 'connection-string')
}

const connect = ([blob, queue, table]: StoragePorts) =>
  `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a==;BlobEndpoint=http://127.0.0.1:${blob}/a;QueueEndpoint=http://127.0.0.1:${queue}/a;TableEndpoint=http://127.0.0.1:${table}/a;`

describe('listPorts', () => {
  it('prefers the well-known ports, then those of the last start, then any', async test => {
    const [file, wellKnown, last] = [await fileIn(test), await threePorts(test), await threePorts(test)]
    assert.deepEqual(await listPorts(file, wellKnown), [wellKnown, [0, 0, 0]])
    await keepConnectionString(file, connect(last))
    assert.deepEqual(await listPorts(file, wellKnown), [wellKnown, last, [0, 0, 0]])
  })

  it.for(['127.0.0.1', '0.0.0.0'])('leaves out ports when one of them is taken on %s', async (address, test) => {
    const [file, free] = [await fileIn(test), await threePorts(test)]
    const taken = readPort(await listen(test, address))
    await keepConnectionString(file, connect([free[0], free[1], taken]))
    assert.deepEqual(await listPorts(file, [taken, free[1], free[2]]), [[0, 0, 0]])
  })

  it.for(['', 'UseDevelopmentStorage=true', connect([0, 1, 2]), connect([70_000, 1, 2])])(
    'ignores a file with %j',
    async (content, test) => {
      const [file, wellKnown] = [await fileIn(test), await threePorts(test)]
      await writeFile(file, content)
      assert.deepEqual(await listPorts(file, wellKnown), [wellKnown, [0, 0, 0]])
    },
  )
})
