/** The client of encrypted scoring in a real browser: a page of another origin, bundled as a web application would be. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { describe, it } from 'vitest'
import type * as client from '../../src/client/encrypted-linear-client.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { runApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'

const wellKnown = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium']
const executablePath = [process.env.CHROMIUM_PATH ?? '', ...wellKnown].find(path => path !== '' && existsSync(path))
const skip = executablePath === undefined && 'chromium is not installed'

const name = 'digits-encrypted'
const folder = `examples/${name}`

describe('EncryptedLinearClient in a browser', skipFor(skip), () => {
  it('has every held-out digit scored as scikit-learn does', async test => {
    const origin = await servePage(test)
    const definition = JSON.parse(await readFile(`${folder}/service.json`, 'utf8'))
    const app = await runApp(test, {
      [`${name}/service.json`]: { ...definition, cors: { origins: [origin] } },
      [`${name}/sample.json`]: await readFile(`${folder}/sample.json`, 'utf8'),
      [`${name}/1/model.onnx`]: await readFile(`${folder}/1/model.onnx`),
    })
    assert.equal((await app.settled())[name]?.status, 'ready', app.output())

    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const browser = await chromium.launch({ executablePath: executablePath as string, args })
    test.onTestFinished(() => browser.close())
    const page = await browser.newPage()
    await page.goto(origin)
    const heldOut = JSON.parse(await readFile('test/fixtures/encrypted/held-out-digits.json', 'utf8'))
    const call = { url: `${app.url}/api/v1/service/${name}/score`, key: await app.keyOf(name), rows: heldOut.rows }
    const answer = await page.evaluate(async ({ url, key, rows }) => {
      const { EncryptedLinearClient } = (globalThis as unknown as { scoring: typeof client }).scoring
      const service = await EncryptedLinearClient.create({ url, key })
      const scores = await service.predict(rows as number[][])
      const { code, status } = await EncryptedLinearClient.create({ url, key: 'wrong' }).then(
        () => ({ code: 'none', status: 200 }),
        (error: client.RequestError) => error,
      )
      return { scores, refused: `${status} ${code}`, secretKeyLength: service.exportKey().length }
    }, call)

    assert.equal(answer.scores.length, 100)
    for (const [index, scores] of answer.scores.entries()) {
      const expected: number[] = heldOut.scores[index]
      assert.equal(largestAt(scores), largestAt(expected), `digit ${index}`)
      scores.forEach((score, at) => {
        assert.ok(Math.abs(score - (expected[at] as number)) < 1e-3, `digit ${index}, class ${at}: ${score}`)
      })
    }
    assert.equal(answer.refused, '401 BEARER_REJECTED')
    assert.equal(answer.secretKeyLength, 88)
  })
})

const largestAt = (scores: readonly number[]) => scores.indexOf(Math.max(...scores))

/** A page that has the client as the global `scoring`. */
async function servePage(test: Cleaner): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ['src/client/encrypted-linear-client.ts'],
    ...{ bundle: true, platform: 'browser', format: 'iife', globalName: 'scoring', write: false },
  })
  const script = outputFiles[0]?.text ?? ''
  const server = createServer((request, response) => {
    if (request.url === '/scoring.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.setHeader('content-type', 'text/html').end('<!doctype html><script src="scoring.js"></script>')
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
