import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'vitest'
import { waitForServices } from '../../../src/cli/start/readiness.ts'

/** Asks an app that answers so. */
async function ask(test: TestContext, answer: RequestListener, { maxLoadWaitMs = 60_000, timeoutMs = 60_000 } = {}) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return waitForServices({ url, timeoutMs, maxLoadWaitMs })
}

describe('waitForServices', () => {
  it('gives up on a host that does not respond in time, or not completely', async test => {
    assert.equal(await ask(test, () => {}, { timeoutMs: 200 }), undefined)
    assert.equal(await ask(test, (_, response) => void response.write('{"services": {'), { timeoutMs: 200 }), undefined)
  })

  it('waits until every service is loaded or has failed', async test => {
    const states = ['loading', 'loading', 'ready']
    const services = await ask(test, (_, response) => {
      const a = { status: states.shift() }
      response.end(JSON.stringify({ services: { a, b: { status: 'failed', reason: 'why' } } }))
    })
    assert.deepEqual(services, { a: { status: 'ready' }, b: { status: 'failed', reason: 'why' } })
  })

  it('does not wait longer than it may, and for nothing where services are not shown', async test => {
    const services = { slow: { status: 'loading' } }
    assert.deepEqual(
      await ask(test, (_, response) => void response.end(JSON.stringify({ services })), { maxLoadWaitMs: 0 }),
      services,
    )
    assert.deepEqual(await ask(test, (_, response) => void response.end('{"status": "ready"}')), {})
  })

  it('fails when the host is gone', async test => {
    await assert.rejects(
      ask(test, request => void request.socket.destroy()),
      { code: 'ECONNRESET' },
    )
  })
})
