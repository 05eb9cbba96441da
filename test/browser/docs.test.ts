/** The interactive page as a person uses it, in a real browser: what is typed, what is clicked, what is seen. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { Tensor } from '../../src/tensor/tensor.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { encodeNpy } from '../support/npy-writer.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'

const wellKnown = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium']
const executablePath = [process.env.CHROMIUM_PATH ?? '', ...wellKnown].find(path => path !== '' && existsSync(path))
const skip = executablePath === undefined && 'chromium is not installed'

/** What Azure Machine Learning's documentation prints for the two rows of the sample. */
const published = ['217.67978776218715', '224.78937091757172']

describe('GET /docs: the interactive page in a browser', skipFor(skip), () => {
  const cleanUps: (() => unknown)[] = []
  const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  let app: RunningApp
  let browser: Browser
  /** The service `slow` is loaded when this file is there. */
  let flag: string
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flag-'))
    file.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    flag = join(folder, 'loaded')
    app = await runApp(file, await servicesOf(flag), { SCORING_DEFAULT_SERVICE: 'diabetes' })
    for (const name of ['diabetes', 'private', 'exact', 'broken']) await isSettled(app, name)
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    browser = await chromium.launch({ executablePath: executablePath as string, args })
    file.onTestFinished(() => browser.close())
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it.for([
    ['of a service', '/api/v1/service/diabetes/docs'],
    ['of the default service', '/docs'],
  ] as const)('$0 scores the sample with a pasted key, and calls no other origin', async ([, path], test) => {
    const visit = await open(test, browser, app.url + path)
    await authorize(visit.page, await app.keyOf('diabetes'))
    await score(visit.page)
    const answer = await seen(visit.page)
    for (const value of published) assert.ok(answer.includes(value), answer)
    assert.deepEqual(visit.complaints, [])
    assert.deepEqual(visit.origins(), [app.url])
    assert.equal(await visit.page.title(), 'diabetes: API')
    await keepsToItself(visit, app, await app.keyOf('diabetes'))
  })

  it('takes a key with its scheme as well, and shows what a wrong one is answered', async test => {
    const right = await open(test, browser, `${app.url}/docs`)
    await authorize(right.page, ` Bearer ${await app.keyOf('diabetes')}\n`)
    await score(right.page)
    assert.match(await seen(right.page), /217\.67978776218715/)

    const wrong = await open(test, browser, `${app.url}/docs`)
    await authorize(wrong.page, 'wrong')
    await score(wrong.page)
    assert.match(await seen(wrong.page), /401[\s\S]*The key is not valid for this service\./)
  })

  it('asks for the key first when the document is for callers only', async test => {
    const visit = await open(test, browser, `${app.url}/api/v1/service/private/docs`)
    const { page } = visit
    const field = page.getByLabel('The description of this service is protected')
    await field.fill('wrong')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByText('The key is not valid for this service.').waitFor()
    assert.equal(await page.getByText('/api/v1/service/private/score').count(), 0)

    const key = await app.keyOf('private')
    await field.fill(key)
    await page.getByRole('button', { name: 'Open' }).click()
    await score(page) // it is authorized already
    for (const value of published) assert.ok((await seen(page)).includes(value))
    assert.deepEqual(visit.origins(), [app.url])
    await keepsToItself(visit, app, key)
  })

  it('works behind a path prefix', async test => {
    const gateway = await startGateway('/ml/models', app.url)
    test.onTestFinished(() => void gateway.close())
    for (const path of ['/docs', '/api/v1/service/diabetes/docs']) {
      const visit = await open(test, browser, gateway.url + path)
      await authorize(visit.page, await app.keyOf('diabetes'))
      await score(visit.page)
      assert.match(await seen(visit.page), /217\.67978776218715/)
      assert.deepEqual(visit.complaints, [])
    }
  })

  it('shows whole numbers above 2^53 as they are', async test => {
    const { page } = await open(test, browser, `${app.url}/api/v1/service/exact/docs`)
    await score(page, '{"data": [[9007199254740993, -9223372036854775808]]}')
    assert.match(await seen(page), /\[\[9007199254740993, -9223372036854775808\]\]/)
  })

  it('offers a file for every type of bytes, and scores it', async test => {
    const visit = await open(test, browser, `${app.url}/api/v1/service/exact/docs`)
    const { page } = visit
    await page.getByRole('button', { name: 'Try it out' }).click()
    const bytes = BigInt64Array.of(1n, 2n ** 53n + 1n)
    const files = {
      'application/octet-stream': Buffer.from(bytes.buffer),
      'application/x-npy': Buffer.from(encodeNpy(new Tensor('int64', bytes, [1, 2]))),
    }
    for (const [type, buffer] of Object.entries(files)) {
      await page.locator('.body-param-content-type select, select.content-type').first().selectOption(type)
      await page.locator('input[type=file]').setInputFiles({ name: 'rows', mimeType: type, buffer })
      const answered = page.waitForResponse(answer => answer.request().method() === 'POST')
      await page.getByRole('button', { name: 'Execute' }).click()
      const answer = await answered
      assert.equal(await answer.request().headerValue('content-type'), type)
      await page.getByText('[[1, 9007199254740993]]').first().waitFor()
      await page.getByRole('button', { name: 'Clear' }).click()
    }
    assert.deepEqual(visit.complaints, [])
  })

  it('waits for a service that is loading, and says so', async test => {
    const { page } = await open(test, browser, `${app.url}/api/v1/service/slow/docs`)
    await page.getByText('service "slow" is still loading; try again in a moment').waitFor()
    await writeFile(flag, '')
    await page.getByRole('button', { name: 'Try it out' }).waitFor()
  })

  it("shows the server's sentence for a service that could not be loaded", async test => {
    const { page } = await open(test, browser, `${app.url}/api/v1/service/broken/docs`)
    await page.getByText('service "broken" could not be loaded. Check the logs for more info.').waitFor()
    const { services } = (await (await fetch(`${app.url}/health/ready`)).json()) as {
      services: Record<string, { reason: string }>
    }
    const reason = page.getByText(services.broken?.reason ?? 'none')
    await reason.waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('service "broken" could not be loaded. Check the logs for more info.').waitFor()
    await reason.waitFor()
  })

  it('shows calls of the service with the address of the page, to copy', async test => {
    const visit = await open(test, browser, `${app.url}/api/v1/service/diabetes/docs`)
    const { page, context } = visit
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const url = `${app.url}/api/v1/service/diabetes/score`
    for (const [name, start] of [
      ['curl', `curl '${url}'`],
      ['Python', 'import json'],
      ['JavaScript', `const response = await fetch('${url}'`],
    ] as const) {
      await page.getByRole('tab', { name }).click()
      const shown = await page.locator('.scoring pre').innerText()
      assert.ok(shown.startsWith(start) && shown.includes('Bearer <key>'), shown)
      await page.locator('.scoring .copy').click()
      await page.getByRole('button', { name: 'Copied' }).waitFor()
      assert.equal(await page.evaluate('navigator.clipboard.readText()'), shown)
    }
    await page.getByText('Put a key of the service in place of <key>.').waitFor()
    await page
      .locator('#ui')
      .getByText('micro-batching is on: the graph shows that each answer depends on its own row alone')
      .waitFor()
    assert.deepEqual(visit.complaints, [])
  })

  it('is one click from the list of all services, and back', async test => {
    const narrow = { viewport: { width: 360, height: 700 }, colorScheme: 'dark' as const }
    const visit = await open(test, browser, `${app.url}/api/v1/service/diabetes/docs`, narrow)
    const { page } = visit
    await page.getByRole('link', { name: 'All services' }).click()
    await page.getByText('5 services').waitFor()
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 360)
    assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(28, 32, 34)')
    await page.getByRole('link', { name: 'exact' }).click()
    await page.getByRole('button', { name: 'Try it out' }).waitFor()
    assert.equal(new URL(page.url()).pathname, '/api/v1/service/exact/docs')
    assert.deepEqual(visit.complaints, [])
  })

  it('fits into a narrow window, in the dark as well', async test => {
    const narrow = { viewport: { width: 360, height: 700 }, colorScheme: 'dark' as const }
    const { page } = await open(test, browser, `${app.url}/docs`, narrow)
    await authorize(page, await app.keyOf('diabetes'))
    await score(page)
    await seen(page)
    // Told to the browser as text: this file knows no types of its own for documents.
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360)
    assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(28, 32, 34)')
  })
})

interface Visit {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors and warnings of the page, what its policy forbids among them. */
  readonly complaints: string[]
  readonly urls: string[]
  /** Where its requests went. */
  origins(): string[]
}

async function open(
  test: Cleaner,
  browser: Browser,
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext(options)
  test.onTestFinished(() => context.close())
  context.setDefaultTimeout(300_000)
  const complaints: string[] = []
  const urls: string[] = []
  context.on('request', request => urls.push(request.url()))
  context.on('console', message => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  context.on('weberror', error => complaints.push(String(error.error())))
  const page = await context.newPage()
  await page.goto(url)
  const origins = () => [...new Set(urls.filter(each => !each.startsWith('data:')).map(each => new URL(each).origin))]
  return { page, context, complaints, urls, origins }
}

async function authorize(page: Page, key: string): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).first().click()
  const dialog = page.locator('.dialog-ux')
  await dialog.getByLabel('Paste the key or token only').fill(key)
  await dialog.getByRole('button', { name: 'Apply credentials' }).click()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
}

/** @param body  what to send instead of the sample */
async function score(page: Page, body?: string): Promise<void> {
  await page.getByRole('button', { name: 'Try it out' }).click()
  if (body !== undefined) await page.locator('.body-param textarea').fill(body)
  await page.getByRole('button', { name: 'Execute' }).click()
}

/** The answer as it stands on the page. */
function seen(page: Page): Promise<string> {
  return page.locator('.live-responses-table tbody').innerText()
}

/** The key is in no address, no storage of the browser and no line of the log. */
async function keepsToItself({ page, context, urls }: Visit, app: RunningApp, key: string): Promise<void> {
  assert.deepEqual(
    urls.filter(url => url.includes(key)),
    [],
  )
  assert.deepEqual(await context.storageState(), { cookies: [], origins: [] })
  assert.equal(await page.evaluate('sessionStorage.length'), 0)
  assert.ok(!page.url().includes(key))
  assert.ok(!app.output().includes(key))
}

async function servicesOf(flag: string) {
  const models = join(import.meta.dirname, '../../models/diabetes')
  const diabetes = {
    model: await readFile(join(models, '1/model.onnx')),
    sample: await readFile(join(models, 'sample.json'), 'utf8'),
  }
  const waiting = `import { existsSync } from 'node:fs'
export const init = async () => { while (!existsSync(${JSON.stringify(flag)})) await new Promise(done => setTimeout(done, 20)) }
export const run = text => text`
  return {
    'diabetes/service.json': { schema: { input: 'sample.json' } },
    'diabetes/sample.json': diabetes.sample,
    'diabetes/1/model.onnx': diabetes.model,
    'private/service.json': { schema: { input: 'sample.json' }, openapi: { public: false } },
    'private/sample.json': diabetes.sample,
    'private/1/model.onnx': diabetes.model,
    'exact/service.json': { auth: { mode: 'none' } },
    'exact/1/model.onnx': identityModel('int64'),
    'broken/service.json': {},
    'slow/service.json': { entryScript: 'score.mjs', limits: { loadTimeoutMs: 1_800_000 } },
    'slow/score.mjs': waiting,
  }
}

async function isSettled(app: RunningApp, name: string): Promise<void> {
  for (;;) {
    const { services } = (await (await fetch(`${app.url}/health/ready`)).json()) as {
      services: Record<string, { status: string }>
    }
    if (services[name]?.status !== 'loading') return
  }
}

/** A reverse proxy that publishes an app under a prefix, as API gateways do. */
async function startGateway(prefix: string, target: string): Promise<{ url: string; close(): void }> {
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? ''
    if (!path.startsWith(`${prefix}/`)) return void outgoing.writeHead(404).end()
    const { method, headers } = incoming
    const forwarded = httpRequest(target + path.slice(prefix.length), { method, headers }, answer => {
      outgoing.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(forwarded)
  })
  await new Promise<void>(listening => server.listen(0, 'localhost', listening))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}${prefix}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
