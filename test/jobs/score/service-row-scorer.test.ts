import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { encodeLines } from '../../../src/jobs/output/result-lines.ts'
import type { ScoredPiece, TextOfRows } from '../../../src/jobs/row-scorer.ts'
import { joinPieces, pieceResults } from '../../../src/jobs/score/scored-pieces.ts'
import { ServiceRowScorer } from '../../../src/jobs/score/service-row-scorer.ts'
import type { ServiceCatalogue } from '../../../src/models/catalogue/service-catalogue.ts'
import { rowMixingModel, writeModel } from '../../support/onnx-writer.ts'
import { startServices } from '../../support/scoring-services.ts'
import { makeServices } from '../../support/service-folder.ts'
import { plan } from '../inputs.ts'

/** Rows of `tensor([[0, 0]])`; what the first element of a row is decides. */
const odd = `
import { tensor, Tensor } from 'scoring-functions'
export const input = tensor([[0, 0]], 'float64')
export function init() {}
let calls = 0
export function run({ data }) {
  const rows = Array.from({ length: data.shape[0] }, (_, row) => data.data[2 * row])
  if (rows.includes(13)) throw new Error('unlucky')
  if (rows.includes(99)) process.exit(1)
  if (rows.includes(5) && calls++ % 2 === 0) throw new Error('every other time')
  return { twice: new Tensor('float64', Float64Array.from(rows, value => 2 * value), [rows.length]), rows }
}`
const raw = `
export function init() {}
export function run(text) {
  const { data, status } = JSON.parse(text)
  if (status) return Response.json({ message: 'as you like', code: 'TEAPOT' }, { status })
  if (data?.[0] === 'pretty') return new Response('{\\n  "a": 1.50\\n}', { headers: { 'content-type': 'application/json' } })
  if (data?.[0] === 'text') return new Response('plain')
  return data === undefined ? Object.keys(JSON.parse(text)) : data
}`
const later = `
let calls = 0
export function init() {}
export function run(text) {
  calls++
  if (calls === 1 && text.includes('once')) throw new Error('the first time')
  return calls
}`
const http = `
export const rawHttp = true
export function init() {}
export function run() { return new Response('hello') }`

/** Says that the row 1 has begun, and does not end it before it may. */
const waitsForFile = (begun: string, mayEnd: string) => `
import { existsSync, writeFileSync } from 'node:fs'
import { tensor } from 'scoring-functions'
export const input = tensor([[0, 0]], 'float64')
export function init() {}
export function run({ data }) {
  const rows = Array.from({ length: data.shape[0] }, (_, row) => data.data[2 * row])
  if (rows.includes(1)) {
    writeFileSync(${JSON.stringify(begun)}, '')
    const nothing = new Int32Array(new SharedArrayBuffer(4))
    while (!existsSync(${JSON.stringify(mayEnd)})) Atomics.wait(nothing, 0, 0, 5)
  }
  return Float64Array.from(rows)
}`

const rowsOf = (list: readonly unknown[]) => list.map(row => ({ json: JSON.stringify(row) }))
const options = { maxRetries: 3, signal: new AbortController().signal, budgetMs: Number.POSITIVE_INFINITY }

describe('ServiceRowScorer', () => {
  const cleanUps: (() => unknown)[] = []
  const test = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  let samples: ServiceCatalogue
  let made: ServiceCatalogue
  beforeAll(async () => {
    samples = await startServices(test, 'models')
    const files = {
      'two-inputs/service.json': {},
      'two-inputs/model.onnx': writeModel({
        inputs: [
          ['a', 'float64', ['N']],
          ['b', 'float64', ['N', 2]],
        ],
        outputs: [
          ['same', 'float64', ['N']],
          ['pair', 'float64', ['N', 2]],
        ],
        nodes: [
          { op: 'Identity', inputs: ['a'], outputs: ['same'] },
          { op: 'Identity', inputs: ['b'], outputs: ['pair'] },
        ],
      }),
      'mixing/service.json': {},
      'mixing/model.onnx': rowMixingModel(),
      'columns/service.json': {},
      'columns/model.onnx': writeModel({
        inputs: [['x', 'float64', ['N', 2]]],
        outputs: [['columns', 'float64', [2, 'N']]],
        nodes: [{ op: 'Transpose', inputs: ['x'], outputs: ['columns'], attributes: { perm: [1, 0] } }],
      }),
      'packed/service.json': { entryScript: 'score.ts', response: { encoding: 'json-string' } },
      'packed/score.ts': raw,
      'odd/service.json': { entryScript: 'score.ts', batching: { rowsAreIndependent: true } },
      'odd/score.ts': odd,
      'raw/service.json': { entryScript: 'score.ts' },
      'raw/score.ts': raw,
      'later/service.json': { entryScript: 'score.ts' },
      'later/score.ts': later,
      'web/service.json': { entryScript: 'score.ts' },
      'web/score.ts': http,
    }
    made = await startServices(test, await makeServices(files, test))
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const scorerOf = (catalogue: ServiceCatalogue, concurrency = 2) =>
    new ServiceRowScorer({ find: name => catalogue.find(name), modelDigest: async () => '', concurrency })
  const scoreMade = (service: string, rows: readonly unknown[], maxRetries = 3) =>
    scorerOf(made).score(service, rowsOf(rows), { ...options, maxRetries })
  /** What a caller gets for a body. */
  const ask = async (catalogue: ServiceCatalogue, service: string, body: unknown) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    const request = { codec: 'azureml', body: bytes, contentType: 'application/json' }
    return catalogue.find(service).inferInBackground(request, () => false)
  }

  const refusalOf = async (catalogue: ServiceCatalogue, service: string, body: unknown) => {
    const answer = await ask(catalogue, service, body)
    assert.ok(answer.kind === 'failure', JSON.stringify(answer))
    return { code: answer.code, message: answer.message }
  }

  it('returns for each row of the samples what a caller gets for it alone', async () => {
    for (const service of ['diabetes', 'digits']) {
      const { data } = JSON.parse(await readFile(`models/${service}/sample.json`, 'utf8')) as { data: unknown[] }
      const rows = Array.from({ length: 300 }, (_, index) => data[index % data.length])
      const results = await scorerOf(samples).score(service, rowsOf(rows), options)
      assert.equal(results.length, rows.length)
      for (const [index, row] of data.entries()) {
        const alone = await ask(samples, service, { data: [row] })
        assert.ok(alone.kind === 'encoded')
        for (let at = index; at < rows.length; at += data.length) {
          assert.deepEqual(results[at], { prediction: alone.body.slice(1, -1) }, `${service} ${at}`)
        }
      }
    }
  })

  it('sends rows one by one to a script that reads text, and keeps an answer that is not a list', async () => {
    const row = [5.1, 3.4, 1.5, 0.2]
    const alone = await ask(samples, 'iris', { data: [row] })
    assert.ok(alone.kind === 'encoded')
    const [good, bad] = await scorerOf(samples).score('iris', rowsOf([row, ['x']]), options)
    assert.deepEqual(good, { prediction: alone.body })
    assert.match(alone.body, /^\{"labels": \["setosa"\]/)
    assert.deepEqual(bad, await refusalOf(samples, 'iris', { data: [['x']] }))
  })

  it('returns for a bad row the error that a caller gets for it alone, and predictions for the others', async () => {
    const { data } = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: number[][] }
    const good = data[0] as number[]
    const bad: unknown[] = [[1, 2], good.with(3, 'x' as never), 7, null, [good], { other: good }, [], true]
    const rows = Array.from({ length: 200 }, (_, index) => (index % 25 === 24 ? bad[(index - 24) / 25] : good))
    const results = await scorerOf(samples).score('diabetes', rowsOf(rows), options)
    for (const [index, row] of rows.entries()) {
      if (row === good) assert.deepEqual(results[index], { prediction: '217.67978776218715' })
      else assert.deepEqual(results[index], await refusalOf(samples, 'diabetes', { data: [row] }), JSON.stringify(row))
    }
  })

  it('passes on the failures of unreadable rows', async () => {
    const unread = { code: 'ROW_NOT_JSON', message: 'line 2 is no JSON' }
    const results = await scorerOf(made).score('raw', [{ json: '1' }, unread, { json: '2' }], options)
    assert.deepEqual(results, [{ prediction: '1' }, unread, { prediction: '2' }])
  })

  it('tells the line of a row that fails, if it is known', async () => {
    const rows = [{ json: '[1, 2]', line: 6 }, { json: '[1]', line: 7 }, { json: '[1]' }]
    const refused = await refusalOf(made, 'odd', { data: [[1]] })
    const results = await scorerOf(made).score('odd', rows, options)
    assert.ok(results[0] && 'prediction' in results[0])
    assert.deepEqual(results.slice(1), [{ ...refused, message: `line 7: ${refused.message}` }, refused])
  })

  it('accepts rows that name several inputs', async () => {
    const rows = rowsOf([{ a: 1, b: [2, 3] }, { b: [5, 6.5], a: 4 }, { a: 7 }, [1, 2], { b: [1, 2], a: 4, note: 'x' }])
    const scorer = scorerOf(made)
    await scorer.score('two-inputs', rows, options) // one by one: nothing is known of the service yet
    const results = await scorer.score('two-inputs', rows, options)
    assert.deepEqual(results.slice(0, 2), [
      { prediction: '{"same": 1.0, "pair": [2.0, 3.0]}' },
      { prediction: '{"same": 4.0, "pair": [5.0, 6.5]}' },
    ])
    assert.deepEqual(results[2], await refusalOf(made, 'two-inputs', { data: { a: [7] } }))
    assert.deepEqual(results[3], await refusalOf(made, 'two-inputs', { data: [[1, 2]] }))
    assert.deepEqual(results[4], await refusalOf(made, 'two-inputs', { data: { b: [[1, 2]], a: [4], note: ['x'] } }))
  })

  const textOf = (rows: readonly unknown[]): TextOfRows => ({
    content: Buffer.from(rows.map(row => `${JSON.stringify(row)}\n`).join('')),
    rowCount: rows.length,
    firstRow: 7,
    reading: { format: 'jsonl', maxRowBytes: 1000 },
    form: { format: 'jsonl' },
  })
  const linesOf = (text: TextOfRows, pieces: readonly ScoredPiece[] | undefined) => {
    const joined = joinPieces(pieces ?? [], text)
    return joined && { ...joined, lines: Buffer.concat(joined.lines).toString() }
  }

  it('makes lines of text that hold what each row gets', async () => {
    const { data } = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: unknown[] }
    const tables: [ServiceCatalogue, string, unknown[]][] = [
      [
        samples,
        'diabetes',
        Array.from({ length: 500 }, (_, row) => (row % 90 === 89 ? [row] : data[row % data.length])),
      ],
      [made, 'two-inputs', [{ a: 1, b: [2, 3] }, { b: [5, 6.5], a: 4 }, { a: 7 }, [1, 2], { a: 4, b: [1, 'x'] }]],
      // One row fails in the script, one ends its worker.
      [made, 'odd', [...Array.from({ length: 150 }, (_, row) => [row + 100, 0]), [13, 0], [99, 0], [1, 2]]],
    ]
    for (const [catalogue, service, rows] of tables) {
      const scorer = scorerOf(catalogue)
      const text = { ...textOf(rows), firstLine: 20 }
      const ofFile = rowsOf(rows).map((row, at) => ({ ...row, line: 20 + at }))
      const results = (await scorer.score(service, ofFile, options)).filter(each => each !== undefined)
      const lines = linesOf(text, await scorer.scoreText(service, text, options))
      assert.equal(lines?.lines, encodeLines({ format: 'jsonl' }, 7, results), service)
      assert.equal(lines?.failed, results.filter(each => 'code' in each).length, service)
    }
  }, 60_000)

  it('writes the same lines for packed columns', async () => {
    // As above: one row fails in the script, one ends its worker.
    const first = [...Array.from({ length: 150 }, (_, row) => row + 100.5), 13, 99, Number.POSITIVE_INFINITY, 1]
    const rows = first.map(value => ({ json: `[${value},2]` }))
    const columnData = [
      { name: 'a', data: first, type: 'DOUBLE' as const },
      { name: 'b', data: first.map(() => 2), type: 'INT32' as const },
    ]
    const inputs = await scorerOf(made).inputs('odd', options.signal)
    const file = new Uint8Array(parquetWriteBuffer({ columnData }))
    const [chunk] = (await plan(file, { format: 'parquet', inputs, miniBatchSize: 1000 })).chunks
    const packed = { ...textOf([]), content: chunk?.content as Uint8Array, rowCount: first.length, isPacked: true }
    const results = (await scorerOf(made).score('odd', rows, options)).filter(each => each !== undefined)
    const lines = linesOf(packed, await scorerOf(made).scoreText('odd', packed, options))
    assert.equal(lines?.lines, encodeLines({ format: 'jsonl' }, 7, results))
    assert.equal(lines?.failed, 2)
  }, 60_000)

  it('leaves text to be read where rows do not become tensors, or may mix', async () => {
    for (const service of ['raw', 'web', 'mixing', 'columns'])
      assert.equal(await scorerOf(made).scoreText(service, textOf([[1, 2]]), options), undefined, service)
  })

  it('stops between pieces of a text when the time is up', async () => {
    const { data } = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: unknown[] }
    const text = textOf(Array.from({ length: 300 }, (_, row) => data[row % data.length]))
    const pieces = (await scorerOf(samples, 1).scoreText('diabetes', text, { ...options, budgetMs: 0 })) ?? []
    assert.deepEqual(
      pieces.map(({ from, rowCount }) => [from, rowCount]),
      [[0, 1]],
    )
    assert.equal(linesOf(text, pieces), undefined)
    const results = await scorerOf(samples).score('diabetes', rowsOf(data), options)
    const [piece] = pieces
    assert.deepEqual(piece && pieceResults(piece, { format: 'jsonl' }), results.slice(0, 1))
  })

  it('lets texts of other jobs have the threads that the last rows of one leave free', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'turns-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 5 }))
    const [begun, mayEnd] = [join(folder, 'begun'), join(folder, 'may-end')]
    const files = {
      'slow/service.json': {
        entryScript: 'score.ts',
        batching: { rowsAreIndependent: true },
        limits: { timeoutMs: 600_000 },
      },
      'slow/score.ts': waitsForFile(begun, mayEnd),
    }
    const slow = await startServices(test, await makeServices(files, test), { maxThreads: 2 })
    const scorer = scorerOf(slow)
    const first = scorer.scoreText('slow', textOf([[1, 0]]), options)
    while (!existsSync(begun)) await delay(5)
    const second = textOf([[2, 0]])
    const lines = linesOf(second, await scorer.scoreText('slow', second, options))
    assert.equal(lines?.lines, '{"index": 7, "prediction": 2.0}\n')
    await writeFile(mayEnd, '')
    assert.equal((await first)?.length, 1)
  })

  it('scores rows one by one when the graph may mix them', async () => {
    const rows = Array.from({ length: 30 }, (_, index) => [index, -index])
    // Each row minus the mean of all rows of its run: of itself, that is.
    assert.deepEqual(
      await scoreMade('mixing', rows),
      rows.map(() => ({ prediction: '[0.0, 0.0]' })),
    )
  })

  it('does not mistake columns for rows when an answer has as many of both', async () => {
    const rows = [
      [1, 2],
      [3, 4],
    ]
    assert.deepEqual(await scoreMade('columns', rows), [
      { prediction: '[[1.0], [2.0]]' },
      { prediction: '[[3.0], [4.0]]' },
    ])
  })

  it('finds the row on which a script fails, or that ends its worker', async () => {
    const rows = Array.from({ length: 40 }, (_, index) => [100 + index, 0])
    rows[13] = [13, 0]
    rows[20] = [99, 0]
    const results = await scoreMade('odd', rows, 1)
    for (const [index, result] of results.entries()) {
      if (index === 13) assert.equal(result && 'code' in result && result.code, 'ENTRY_SCRIPT_FAILED')
      else if (index === 20) assert.equal(result && 'code' in result && result.code, 'ENTRY_SCRIPT_ENDED_THREAD')
      else assert.deepEqual(result, { prediction: `{"twice": ${200 + 2 * index}.0, "rows": ${100 + index}}` })
    }
  })

  it('continues with other rows while one waits for a retry', async () => {
    const scorer = scorerOf(made, 1)
    const results = await scorer.score('later', rowsOf(['once', 1, 2]), options)
    // The number of the call that scored each row. When the retry is due depends on how long the others take.
    const [failing = 0, next, last = 0] = results.map(result => Number((result as { prediction: string }).prediction))
    assert.equal(next, 2)
    assert.deepEqual([failing, last].sort(), [3, 4])
  })

  it('leaves rows to another run when the time is up, but not all of them', async () => {
    const results = await scorerOf(made, 1).score('raw', rowsOf([1, 2, 3]), { ...options, budgetMs: 0 })
    assert.deepEqual(results, [{ prediction: '1' }, undefined, undefined])
  })

  it('retries a row after a failure of the server', async () => {
    assert.deepEqual(await scoreMade('odd', [[5, 0]]), [{ prediction: '{"twice": 10.0, "rows": 5}' }])
  })

  it('reads responses of scripts: JSON on one line, text as a string, errors with their message', async () => {
    assert.deepEqual(await scoreMade('raw', ['pretty', 'text', { status: 418 }, { whole: 1, body: 2 }, 1.5], 0), [
      { prediction: '{   "a": 1.50 }' },
      { prediction: '"plain"' },
      { code: 'TEAPOT', message: 'as you like' },
      { prediction: '["whole", "body"]' },
      { prediction: '1.5' },
    ])
  })

  it('unpacks JSON in a JSON string', async () => {
    assert.deepEqual(await scoreMade('packed', [[1, 2]]), [{ prediction: '[1, 2]' }])
  })

  it('fails all rows for a script that takes raw requests', async () => {
    const [result] = await scoreMade('web', [[1]])
    assert.ok(result && 'code' in result)
    assert.equal(result.code, 'JOB_INVALID')
  })

  it('waits for a service that is loading', async test => {
    const files = { 'slow/service.json': { entryScript: 'score.ts' }, 'slow/score.ts': raw }
    const loading = await startServices(test, await makeServices(files, test), { isWaitedFor: false })
    assert.equal(loading.find('slow').status, 'loading')
    assert.deepEqual(await scorerOf(loading).score('slow', rowsOf([1]), options), [{ prediction: '1' }])
  })

  it('throws when the service cannot score here', async test => {
    const files = { 'gone/service.json': { entryScript: 'score.ts' }, 'gone/score.ts': raw }
    const services = await startServices(test, await makeServices(files, test))
    await services.find('gone').stop()
    await assert.rejects(scorerOf(services).score('gone', rowsOf([1, 2]), options), { code: 'SERVICE_STOPPING' })
    await assert.rejects(scorerOf(services).score('nobody', rowsOf([1]), options), { code: 'SERVICE_UNKNOWN' })
  })

  it('scores no row with a service that has another digest than the job', async () => {
    await assert.rejects(scorerOf(made).score('raw', rowsOf([1]), { ...options, modelDigest: 'of another' }), {
      name: 'JobFailure',
      code: 'MODEL_CHANGED',
      message: /^the model, script or definition of the service "raw" has changed/,
    })
    // It has changed while the rows were scored.
    const digests = ['of the job', 'of another']
    const changing = new ServiceRowScorer({
      find: name => made.find(name),
      modelDigest: async () => digests.shift() ?? '',
      concurrency: 2,
    })
    await assert.rejects(changing.score('raw', rowsOf([1]), { ...options, modelDigest: 'of the job' }), {
      code: 'MODEL_CHANGED',
    })
    const same = await scorerOf(made).score('raw', rowsOf([1]), { ...options, modelDigest: '' })
    assert.deepEqual(same, [{ prediction: '1' }])
  })

  it('rejects with the reason of the signal', async () => {
    const cancelled = new AbortController()
    cancelled.abort()
    await assert.rejects(scorerOf(made).score('raw', rowsOf([1]), { ...options, signal: cancelled.signal }), {
      name: 'AbortError',
    })
  })
})
