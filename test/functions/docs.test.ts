import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const model = identityModel('float32')
const files = {
  'first/service.json': { schema: { input: 'sample.json' } },
  'first/model.onnx': model,
  'first/sample.json': '{"data": [[1234.5, 6]]}',
  'private/service.json': { openapi: { public: false }, description: 'told to callers only' },
  'private/model.onnx': model,
  'open/service.json': { auth: { mode: 'none' }, openapi: { public: false } },
  'open/model.onnx': model,
  'broken/service.json': {},
  // No service can be called so, but its folder can.
  '<b title="&\'">/service.json': {},
}
const named = '/api/v1/service/first/docs'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

describe('GET /docs: the page of a service', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    const test = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
    app = await runApp(test, files, { SCORING_DEFAULT_SERVICE: 'first' })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  /** Sends the path as it is written; `fetch` would resolve its dots and ask for compression. */
  const call = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> => {
    const { port } = new URL(app.url)
    const request = httpRequest({ host: 'localhost', port, path, method, headers, agent: false }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return { status: response.statusCode as number, headers: response.headers, body: await buffer(response) }
  }
  const codeOf = ({ status, body }: Answer) => [status, JSON.parse(String(body)).code]
  const linksOf = (page: Answer) =>
    [...String(page.body).matchAll(/(?:href|src)="(?!data:)([^"]+)"/g)].map(match => match[1] as string)

  it.each([named, '/docs', '/docs?any=thing'])('is there under %s, with all it links to', async path => {
    const page = await call(path)
    assert.equal(page.status, 200)
    assert.match(String(page.body), /<title>first: API<\/title>/)
    const links = linksOf(page)
    assert.equal(links.length, 5)
    for (const link of links) {
      const { pathname, search, origin } = new URL(link, app.url + path)
      assert.equal(origin, app.url)
      assert.equal((await call(pathname + search)).status, 200, link)
    }
  })

  it('lets nothing run or load but its own files', async () => {
    const { headers, body } = await call(named)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['cache-control'], 'no-cache')
    const directives = new Map(
      (headers['content-security-policy'] as string).split('; ').map(each => {
        const [name, ...sources] = each.split(' ')
        return [name, sources.join(' ')]
      }),
    )
    assert.equal(directives.get('default-src'), "'none'")
    assert.equal(directives.get('frame-ancestors'), "'none'")
    for (const name of ['script-src', 'style-src', 'connect-src']) assert.equal(directives.get(name), "'self'", name)
    assert.doesNotMatch(String(body), /<script(?![^>]* src=)|<style| style=| on\w+=/i)
  })

  it('shows only the name when the document is protected', async () => {
    const page = await call('/api/v1/service/private/docs')
    const expected = String((await call(named)).body)
      .replaceAll('first', 'private')
      .replace('<body>', '<body data-protected>')
    assert.deepEqual([page.status, String(page.body)], [200, expected])
    assert.deepEqual(codeOf(await call('/api/v1/service/private/swagger.json')), [401, 'BEARER_MISSING'])
  })

  it('asks for no key if the service is public', async () => {
    assert.doesNotMatch(String((await call('/api/v1/service/open/docs')).body), /data-protected/)
  })

  it('is there for a service that could not be loaded, so that it can say so', async () => {
    assert.equal((await call('/api/v1/service/broken/docs')).status, 200)
  })

  it('shows a name as text, whatever is in it', async () => {
    const { status, body } = await call(`/api/v1/service/${encodeURIComponent('<b title="&\'">')}/docs`)
    assert.equal(status, 200)
    assert.match(String(body), /<h1>&#60;b title=&#34;&#38;&#39;&#34;&#62;<\/h1>/)
  })

  it('is not there for a service that is not', async () => {
    for (const path of ['/api/v1/service/nobody/docs', '/api/v1/service/nobody/docs/page.js'])
      assert.deepEqual(codeOf(await call(path)), [404, 'SERVICE_UNKNOWN'])
    for (const path of [`${named}/`, '/docs/', `${named}/page.js/`, `${named}/page.js/x`])
      assert.deepEqual(codeOf(await call(path)), [404, 'PATH_UNKNOWN'], path)
  })

  it('and its files answer GET, HEAD and OPTIONS, and 405 to the rest', async () => {
    for (const path of [named, '/docs', `${named}/page.js`, '/docs/page.js']) {
      const headers = { 'accept-encoding': 'gzip' }
      const got = await call(path, headers)
      const head = await call(path, headers, 'HEAD')
      assert.deepEqual([head.status, head.body.length], [200, 0])
      assert.deepEqual({ ...head.headers, date: '' }, { ...got.headers, date: '' })
      assert.equal(head.headers['content-length'], String(got.body.length))
      const options = await call(path, {}, 'OPTIONS')
      assert.deepEqual([options.status, options.headers.allow], [200, 'HEAD, GET, OPTIONS'])
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
        assert.deepEqual(codeOf(await call(path, {}, method)), [405, 'METHOD_NOT_ALLOWED'], `${method} ${path}`)
    }
  })

  it('has no file but those of the page', async () => {
    for (const name of [
      ...['..%2f..%2fhost.json', '..%2F..%2Fpackage.json', '..%5c..%5chost.json', '../../../../../host.json'],
      ...['%00', 'page.js%00', 'page.js%00.txt', '%2e%2e%2fpage.js', '%252e%252e%252fhost.json'],
      ...['__proto__', 'constructor', 'toString', 'page.js.br', 'PAGE.JS', 'swagger-ui.LICENSE.txt', 'host.json'],
    ]) {
      for (const path of [`${named}/${name}`, `/docs/${name}`]) {
        const answer = await call(path)
        assert.equal(answer.status, 404, path)
        assert.doesNotMatch(String(answer.body), /extensionBundle|dist\/functions/, path)
      }
    }
  })

  it.each([
    ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['swagger-ui.css', 'text/css; charset=utf-8'],
    ['swagger-ui-bundle.js.LICENSE.txt', 'text/plain; charset=utf-8'],
  ] as const)('gives $0 as its makers published it, compressed for those who take that', async (name, type) => {
    const published = await readFile(join(swaggerUi, name))
    for (const [accept, coding, unpack] of [
      ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
      ['gzip;q=0, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
      ['*', 'gzip', gunzipSync],
    ] as const) {
      const { status, headers, body } = await call(`/docs/${name}`, { 'accept-encoding': accept })
      assert.deepEqual([status, headers['content-encoding'], headers['content-type']], [200, coding, type])
      assert.ok(body.length < published.length)
      assert.ok(unpack(body).equals(published))
    }
    for (const accept of [undefined, 'zstd', 'gzip;q=0', 'identity']) {
      const { status, headers, body } = await call(`/docs/${name}`, accept ? { 'accept-encoding': accept } : {})
      assert.deepEqual([status, headers['content-encoding'], headers['content-type']], [200, undefined, type])
      assert.equal(headers.vary, 'Accept-Encoding')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.ok(body.equals(published))
    }
  })

  it('lets browsers keep its files: for good under the version, else as long as they ask', async () => {
    const [link = ''] = linksOf(await call('/docs')).filter(each => each.includes('bundle'))
    const { headers } = await call(`/${link}`)
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable')
    for (const path of ['/docs/swagger-ui-bundle.js', '/docs/swagger-ui-bundle.js?v=0123456789abcdef'])
      assert.equal((await call(path)).headers['cache-control'], 'no-cache')

    const etag = headers.etag as string
    assert.match(etag, /^W\/"[^"]+"$/)
    for (const condition of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const unchanged = await call('/docs/swagger-ui-bundle.js', { 'if-none-match': condition })
      assert.deepEqual([unchanged.status, unchanged.body.length], [304, 0], condition)
      assert.deepEqual([unchanged.headers.etag, unchanged.headers.vary], [etag, 'Accept-Encoding'])
    }
    assert.equal((await call('/docs/swagger-ui-bundle.js', { 'if-none-match': '"other"' })).status, 200)
  })
})
