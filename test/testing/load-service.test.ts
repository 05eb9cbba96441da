import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { type LoadOptions, loadService, RequestError } from '../../src/testing/load-service.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { greyPng } from '../support/png-writer.ts'
import { makeServices } from '../support/service-folder.ts'

interface Loaded {
  readonly service: Awaited<ReturnType<typeof loadService>>
  readonly lines: string[]
}

async function load(test: Cleaner, folder: string | URL, options: LoadOptions = {}): Promise<Loaded> {
  const lines: string[] = []
  const service = await loadService(folder, { log: line => lines.push(line), ...options })
  test.onTestFinished(() => service.stop())
  return { service, lines }
}

/** The folder of a service `churn` with this script. */
async function scriptFolder(test: Cleaner, script: string, definition: object = {}): Promise<string> {
  const files = {
    'churn/service.json': { entryScript: 'score.mjs', ...definition },
    'churn/score.mjs': `export function init() {}\n${script}`,
  }
  return join(await makeServices(files, test), 'churn')
}

const loadScript = async (test: Cleaner, script: string, options: LoadOptions = {}) =>
  load(test, await scriptFolder(test, script), options)

/** Inputs, and outputs of ONNX Runtime for Python. */
async function expectedOf(service: string) {
  return JSON.parse(await readFile('test/fixtures/expected-scores.json', 'utf8')).services[service]
}

function assertClose(actual: unknown, expected: readonly number[]): void {
  assert.ok(Array.isArray(actual) && actual.length === expected.length)
  for (const [index, value] of expected.entries()) assert.ok(Math.abs(actual[index] - value) < 1e-5 * Math.abs(value))
}

describe('loadService', () => {
  it('scores rows, and tells what the service takes', async test => {
    const { service } = await load(test, 'models/diabetes')
    const { inputs, outputs } = await expectedOf('diabetes')
    assertClose(await service.score(inputs), outputs.prediction)
    assert.equal(service.name, 'diabetes')
    assert.equal(service.executionProvider, 'cpu')
    assert.deepEqual(service.inputs, [{ name: 'data', dtype: 'float64', shape: ['batch', 10] }])
  })

  it('finds the folder from a file URL, and imports TypeScript', async test => {
    const { service } = await load(test, pathToFileURL(resolve('models/iris')))
    const answer = await service.score<{ labels: string[] }>({ data: [[5.1, 3.4, 1.5, 0.2]] })
    assert.deepEqual(answer.labels, ['setosa'])
  })

  it('scores bytes of a content type', async test => {
    const { service } = await load(test, 'models/digits')
    const { inputs } = await expectedOf('digits')
    const pixels: number[][] = Object.values(inputs as Record<string, number[][][]>)[0]?.[0] ?? []
    const png = greyPng(pixels.map(row => row.map(value => Math.round((value / 16) * 255))))
    assert.deepEqual(await service.score(png, { contentType: 'image/png' }), await service.score({ data: [pixels] }))
  })

  it('passes text on as it is, and headers to the script', async test => {
    const { service } = await loadScript(test, 'export const run = (text, headers) => [text, headers["X-Shop"]]')
    assert.deepEqual(await service.score('{"a": 1.0}', { headers: { 'x-shop': 'north' } }), ['{"a": 1.0}', 'north'])
  })

  it('returns NaN and infinities, which the answer holds as words', async test => {
    const folder = await scriptFolder(test, 'export const run = () => [NaN, -Infinity, 1]', {
      response: { nonFinite: 'literal' },
    })
    const { service } = await load(test, folder)
    assert.deepEqual(await service.score({}), [Number.NaN, Number.NEGATIVE_INFINITY, 1])
  })

  it.for([
    ['text/csv', 'a,b\n1,2\n', 'a,b\n1,2\n'],
    ['application/octet-stream', 'ab', new Uint8Array([97, 98])],
  ] as const)("returns a script's own answer of type %s", async ([type, body, expected], test) => {
    const script = `export const run = () => new Response(${JSON.stringify(body)}, { headers: { 'content-type': '${type}' } })`
    const { service } = await loadScript(test, script)
    assert.deepEqual(await service.score({}), expected)
  })

  it('answers any request, for scripts that take the whole of it', async test => {
    const { service } = await loadScript(
      test,
      `export const rawHttp = true
      export const run = async request =>
        new Response(request.method + new URL(request.url).search + (await request.text()), { status: 418 })`,
    )
    const response = await service.fetch({ method: 'POST', body: '!' }, '?a=1')
    assert.equal(response.status, 418)
    assert.equal(await response.text(), 'POST?a=1!')
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
  })

  it('passes on a streamed answer', async test => {
    const { service } = await loadScript(
      test,
      `const pieces = ['one ', 'two'].map(text => new TextEncoder().encode(text))
      export const run = () => new Response(ReadableStream.from(pieces), { headers: { 'content-type': 'text/plain' } })`,
    )
    assert.equal(await service.score({}), 'one two')
  })

  it('gives concurrent calls the answers to their own rows', async test => {
    const { service } = await load(test, 'models/diabetes')
    const { inputs, outputs } = await expectedOf('diabetes')
    const answers = await Promise.all(inputs.data.map((row: number[]) => service.score({ data: [row] })))
    assertClose(answers.flat(), outputs.prediction)
  })

  it('runs on the given execution providers', async test => {
    const folder = await makeServices(
      {
        'digits-on-gpu/service.json': { accelerator: { executionProviders: ['cuda'], onUnavailable: 'fail' } },
        'digits-on-gpu/1/model.onnx': await readFile('models/diabetes/1/model.onnx'),
      },
      test,
    )
    const { service } = await load(test, join(folder, 'digits-on-gpu'), { executionProviders: ['cpu'] })
    assert.equal(service.executionProvider, 'cpu')
  })

  it('gives the log what a script prints, and why a request failed', async test => {
    const { service, lines } = await loadScript(
      test,
      "export const run = () => { console.log('before'); throw new TypeError('no such column') }",
    )
    await assert.rejects(service.score({}, { headers: { 'x-request-id': 'r1' } }))
    await service.stop()
    assert.ok(lines.includes('[churn] request r1: before'), lines.join('\n'))
    assert.match(
      lines.join('\n'),
      /ENTRY_SCRIPT_FAILED: [^\n]*\n[^\n]*caused by: TypeError: no such column\n[^\n]*score\.mjs:2:/,
    )
  })

  it('rejects with the line of the log for a service that cannot be loaded', async test => {
    const folder = await scriptFolder(test, 'export const run = text => text', { batching: { maxDelay: 1 } })
    await assert.rejects(loadService(folder), {
      name: 'ServiceLoadError',
      message: /^\[churn\] not available: churn\/service\.json: batching: /,
    })
  })

  it('rejects where init() throws', async test => {
    const folder = await makeServices(
      {
        'churn/service.json': { entryScript: 'score.mjs' },
        'churn/score.mjs': "export function init() { throw new Error('no weights') }; export const run = () => 0",
      },
      test,
    )
    await assert.rejects(
      loadService(join(folder, 'churn'), { log: () => {} }),
      /^ServiceLoadError: \[churn\] .*no weights/,
    )
  })

  it('names the folder where a service.json was looked for', async () => {
    await assert.rejects(loadService('models/iri'), {
      message: `[iri] not available: there is no service.json in ${resolve('models/iri')} ({} is enough)`,
    })
  })
})

describe('score', () => {
  it('rejects as the answer over HTTP says', async test => {
    const { service } = await load(test, 'models/diabetes')
    const rejected = await service.score({ data: [[1, 2]] }).catch(failure => failure)
    assert.ok(rejected instanceof RequestError)
    const { status, code, message, body } = rejected
    assert.deepEqual({ status, code }, { status: 400, code: 'INPUT_SHAPE_MISMATCH' })
    assert.match(message, /"data"/)
    assert.deepEqual(body, { message, code })
    await assert.rejects(service.score(new Uint8Array(3), { contentType: 'image/gif' }), {
      status: 415,
      code: 'CONTENT_TYPE_UNSUPPORTED',
    })
  })

  it('rejects an answer that a script has made itself, which has no code', async test => {
    const { service } = await load(test, 'models/iris')
    await assert.rejects(service.score({ data: [] }), (failure: RequestError) => {
      assert.deepEqual([failure.status, failure.code], [400, undefined])
      assert.match(failure.message, /^send \{"data"/)
      return true
    })
  })

  it('ends a request at the given time limit', async test => {
    const { service } = await loadScript(test, 'export const run = () => new Promise(() => {})', { timeoutMs: 300 })
    await assert.rejects(service.score({}), { status: 504, code: 'SCORING_TIMEOUT' })
  })

  it('rejects after stop()', async test => {
    const { service } = await load(test, 'models/diabetes')
    await service.stop()
    await assert.rejects(service.score({ data: [] }), { status: 503, code: 'SERVICE_STOPPING' })
  })
})

describe('the process of a test', () => {
  it.for([
    ['waits for an answer, and ends although the service was not stopped', ''],
    ['ends after await using', 'await iris[Symbol.asyncDispose]()'],
  ] as const)('%s', async ([_title, last], test) => {
    const folder = await makeServices({}, test)
    const url = (file: string) => JSON.stringify(pathToFileURL(resolve(file)).href)
    const program = join(folder, 'main.mjs')
    await writeFile(
      program,
      `import { loadService } from ${url('src/testing/load-service.ts')}
      const iris = await loadService(new URL(${url('models/iris')}))
      console.log(JSON.stringify((await iris.score({ data: [[5.1, 3.4, 1.5, 0.2]] })).labels))
      ${last}`,
    )
    const { stdout } = await promisify(execFile)(process.execPath, [program], { env: { PATH: process.env.PATH } })
    assert.equal(stdout, '["setosa"]\n')
  })
})
