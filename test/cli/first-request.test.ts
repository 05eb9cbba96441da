import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext, vi } from 'vitest'
import { printFirstRequest } from '../../src/cli/first-request.ts'

/** Prints the first request of a host that answers so, and returns what was printed. */
async function print(test: TestContext, answer: RequestListener): Promise<string[]> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const lines: string[] = []
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation(line => void lines.push(line))
  }
  test.onTestFinished(() => void vi.restoreAllMocks())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await printFirstRequest({ url, appRoot: '/nonexistent', hasVault: true, readinessTimeoutMs: 200 })
  return lines
}

describe('printFirstRequest', () => {
  it('gives up on a host that does not respond in time, or not completely', async test => {
    const line = '/health/ready did not respond within 0.2 s, so no request to try is shown.'
    assert.deepEqual(await print(test, () => {}), [line])
    assert.deepEqual(await print(test, (_, response) => void response.write('{"services": {')), [line])
  })

  it('shows what failed, what still loads, and a request to one that is ready', async test => {
    const services = {
      broken: { status: 'failed' },
      plain: { status: 'ready', example: { body: '{"data": [[1.0]]}', isScored: true } },
    }
    const lines = await print(test, (_, response) => void response.end(JSON.stringify({ services })))
    assert.equal(lines[0], 'Not available: broken (see the errors above)\n')
    assert.match(
      lines.at(-1) ?? '',
      /^Score plain:\n\ncurl http:\S+\/plain\/score .*Bearer <key>' .* -d '\{"data":\[\[1\.0\]\]\}'\n$/,
    )
  })
})
