import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'

/** What Chromium sends when it opens a page. */
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
/** What clients send: curl, Python's requests, `fetch`; JSON; and an explicit refusal. */
const clients = ['*/*', 'application/json', 'text/html;q=0, */*', undefined]

const model = identityModel('float32')
const files = {
  'keyed/service.json': { description: 'Returns <what> it gets' },
  'keyed/3/model.onnx': model,
  'pinned/service.json': { models: { pinned: { path: '1/model.onnx' } } },
  'pinned/1/model.onnx': model,
  'pinned/2/model.onnx': model,
  'open/service.json': { auth: { mode: 'none' } },
  'open/model.onnx': model,
  'broken/service.json': {},
}
const openFiles = {
  'open/service.json': files['open/service.json'],
  'open/model.onnx': model,
  'other/service.json': files['open/service.json'],
  'other/model.onnx': model,
}
const get = (url: string, accept: string | undefined, method = 'GET') =>
  fetch(url, { method, headers: accept === undefined ? {} : { accept } })

describe('the index of services', () => {
  it('shows every service to a browser in Development, with links that work', async test => {
    const app = await runApp(test, files)
    await app.settled()
    for (const path of ['/', '/docs']) {
      const answer = await get(app.url + path, browser)
      const page = await answer.text()
      assert.equal(answer.status, 200, path)
      assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.equal(answer.headers.get('vary'), 'Accept')
      assert.match(String(answer.headers.get('content-security-policy')), /default-src 'none'/)
      assert.doesNotMatch(page, /<script|<style| style=/)
      for (const text of [
        '4 services, 1 not available',
        'version 3</span>',
        'version 1; 2 is there and not served</span>',
        'Returns &#60;what&#62; it gets',
        'needs a key',
        '· public',
        'micro-batching is on: the graph shows that each answer depends on its own row alone',
        'there is no .onnx file beside service.json',
      ])
        assert.ok(page.includes(text), `${path}: ${text}`)
      const links = [...page.matchAll(/href="(?!data:)([^"]+)"/g)].map(
        match => new URL(match[1] as string, app.url + path),
      )
      assert.ok(links.some(({ pathname }) => pathname === '/api/v1/service/keyed/docs'))
      for (const link of links) assert.equal((await fetch(link)).status, 200, link.href)
      const head = await get(app.url + path, browser, 'HEAD')
      assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(Buffer.byteLength(page))])
    }
  })

  it('leaves the answers to other clients as they are', async test => {
    const app = await runApp(test, files)
    for (const accept of clients) {
      const root = await get(app.url, accept)
      assert.deepEqual([root.status, await root.text(), root.headers.get('vary')], [200, 'Healthy', 'Accept'])
      const docs = await get(`${app.url}/docs`, accept)
      assert.equal(docs.status, 404)
      assert.equal(((await docs.json()) as { code: string }).code, 'SERVICE_UNKNOWN')
    }
    assert.equal((await get(app.url, browser, 'POST')).status, 405)
    assert.equal((await get(`${app.url}/docs`, browser, 'POST')).status, 405)
  })

  it('names no service outside Development', async test => {
    const app = await runApp(test, openFiles, { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' })
    assert.equal(await (await get(app.url, browser)).text(), 'Healthy')
    const answer = await get(`${app.url}/docs`, browser)
    const page = await answer.text()
    assert.equal(answer.status, 404)
    assert.match(page, /\/api\/v1\/service\/&#60;service&#62;\/docs/)
    assert.doesNotMatch(page, /\b(open|other)\b/)
    const stylesheet = /rel="stylesheet" href="([^"]+)"/.exec(page)?.[1] as string
    assert.equal((await fetch(new URL(stylesheet, `${app.url}/docs`))).status, 200)
    await fetch(`${app.url}/api/v1/service/open/score`, { method: 'POST', body: '{"data": [[1, 2]]}' }) // it has loaded
    assert.doesNotMatch(await (await fetch(`${app.url}/api/v1/service/open/docs`)).text(), /micro-batching/)
  })

  it('stands behind the page of the only service', async test => {
    const app = await runApp(test, { 'open/service.json': files['open/service.json'], 'open/model.onnx': model })
    await app.settled()
    const page = await (await get(`${app.url}/docs`, browser)).text()
    assert.match(page, /<title>open: API<\/title>/)
    assert.match(page, /micro-batching is on/)
    assert.match(await (await get(app.url, browser)).text(), /1 service</)
  })
})
