import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { AzureWorker } from '../support/azure-worker.ts'
import { makeLinkedProject } from '../support/linked-project.ts'
import { type RunningApp, runProject } from '../support/running-app.ts'

const hello = `
  import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions'

  interface Guest { name: string }
  app.http('hello', {
    route: 'hello/{place}',
    methods: ['POST'],
    authLevel: 'anonymous',
    handler: async (request: HttpRequest): Promise<HttpResponseInit> => {
      const { name } = (await request.json()) as Guest
      return { jsonBody: { hello: name, from: request.params.place } }
    },
  })
`
/** Answers each piece of the body when it comes. */
const echo = `
  const { app } = require('@azure/functions')
  app.setup({ enableHttpStream: false })
  app.http('echo', {
    methods: ['POST'],
    authLevel: 'anonymous',
    handler: request => ({ body: request.body }),
  })
`
const files = {
  'functions/hello.ts': hello,
  'functions/echo.cjs': echo,
  'functions/hello.test.ts': "throw new Error('a test is no function')",
  'functions/README.md': 'not code',
  'functions/broken.js': "import { app } from '@azure/functions'\napp.http('x', {\n",
  'functions/enum.ts': 'const a = 1\nenum Colour { Red }\n',
  'functions/missing.mjs': "import 'no-such-package'",
  'functions/name.mjs':
    "import { app } from '@azure/functions'\napp.timer('Score', { schedule: '0 0 3 * * *', handler() {} })",
  'functions/route.mjs':
    "import { app } from '@azure/functions'\napp.http('mine', { route: '/api/V1/service/{name:alpha}/score', handler() {} })",
  'functions/twice.mjs': "import { app } from '@azure/functions'\napp.http('hello', { handler() {} })",
}
const reasons: [file: string, reason: RegExp][] = [
  [
    'broken.js',
    /^functions\/broken\.js is not loaded, and the app runs without it: \S.* \("node --check functions\/broken\.js" shows the line\)$/m,
  ],
  ['enum.ts', /^functions\/enum\.ts .*: line 2: TypeScript enum is not supported in strip-only mode$/m],
  [
    'missing.mjs',
    /^functions\/missing\.mjs is not loaded, and the app runs without it: Cannot find package 'no-such-package'/m,
  ],
  ['name.mjs', /^functions\/name\.mjs .*: the function name "Score" belongs to Scoring Functions; choose another$/m],
  [
    'route.mjs',
    /^functions\/route\.mjs .*: the route "\/api\/V1\/service\/\{name:alpha\}\/score" of function "mine" belongs to the function "score" of Scoring Functions; choose another$/m,
  ],
  [
    'twice.mjs',
    /^functions\/twice\.mjs .*: the function name "hello" belongs to functions\/hello\.ts; choose another$/m,
  ],
]

/** Sends a second piece once the first has come back: a host that collects the body first would never answer. */
async function exchange(url: string): Promise<string> {
  const first = Promise.withResolvers<void>()
  async function* pieces() {
    yield new TextEncoder().encode('ping ')
    await first.promise
    yield new TextEncoder().encode('pong')
  }
  const response = await fetch(url, {
    method: 'POST',
    body: ReadableStream.from(pieces()) as ReadableStream<Uint8Array<ArrayBuffer>>,
    duplex: 'half',
  })
  let text = ''
  for await (const piece of response.body as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(piece)
    first.resolve()
  }
  return text
}

describe('functions of the project, on the embedded host', () => {
  const cleanUps: (() => unknown)[] = []
  let app: RunningApp
  beforeAll(async () => {
    const test = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
    const root = await makeLinkedProject(test, files)
    // A second copy of the library, as a project has it that names another version.
    await cp('node_modules/@azure/functions', join(root, 'node_modules/@azure/functions'), { recursive: true })
    app = await runProject(test, root)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('answer beside the services, with the body of the request', async () => {
    const body = JSON.stringify({ name: 'Ada' })
    const response = await fetch(`${app.url}/hello/Kyiv`, { method: 'POST', body })
    assert.deepEqual(await response.json(), { hello: 'Ada', from: 'Kyiv' })
    while (!app.output().includes('POST /hello/Kyiv 200,')) await delay(5) // its line in the log
    const score = await fetch(`${app.url}/api/v1/service/sut/score`, { method: 'POST', body: 'this' })
    assert.equal(await score.json(), 'scored this')
  })

  it('read and answer streams, whatever they set', async () => {
    assert.equal(await exchange(`${app.url}/echo`), 'ping pong')
  })

  it.each(reasons)('are left out with the file and the reason: %s', (_file, reason) => {
    assert.match(app.output(), reason)
  })

  it('are not the tests beside them', () => {
    assert.doesNotMatch(app.output(), /hello\.test/)
  })
})

describe("functions of the project, in Azure's Node worker", () => {
  it('answer beside the services, from a folder without a copy of the library', async test => {
    process.env.AZURE_FUNCTIONS_ENVIRONMENT = 'Development'
    process.env.AzureWebJobsStorage = ''
    const { 'functions/hello.ts': helloFile, 'functions/echo.cjs': echoFile } = files
    const root = await makeLinkedProject(test, { 'functions/hello.ts': helloFile, 'functions/echo.cjs': echoFile })
    const worker = new AzureWorker()
    await worker.load(root)
    test.onTestFinished(() => worker.runHooks('appTerminate'))
    const params = { place: 'Kyiv' }
    const request = { method: 'POST', path: '/hello/Kyiv', params, body: JSON.stringify({ name: 'Ada' }) }
    const { status, body } = await worker.invoke('hello', request)
    assert.deepEqual([status, JSON.parse(body)], [200, { hello: 'Ada', from: 'Kyiv' }])
    const score = { method: 'POST', path: '/api/v1/service/sut/score', params: { service: 'sut' }, body: 'this' }
    assert.equal((await worker.invoke('score', score)).body, '"scored this"')
  })
})
