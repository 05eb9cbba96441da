import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { BlobServiceClient } from '@azure/storage-blob'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

interface Job {
  readonly jobId: string
  readonly status: string
  readonly progress: object
  readonly output?: { readonly blob: string }
  readonly error?: { readonly code: string; readonly message: string }
}

/** Published with Azure ML's example of this model. */
const [one, two] = [217.67978776218715, 224.78937091757172]

describe('POST /jobs with several files', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  let rows: number[][]
  const header = 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6'
  beforeAll(async () => {
    const storage = await startStorage(test as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    await blobs.createContainer('input')
    app = await runApp(test as never, undefined, { AzureWebJobsStorage: storage })
    await app.settled()
    rows = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')).data
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const put = (name: string, content: string | Uint8Array) =>
    blobs.getContainerClient('input').getBlockBlobClient(name).uploadData(Buffer.from(content))
  const csvOf = (...indexes: number[]) => [header, ...indexes.map(index => rows[index]?.join(','))].join('\n')
  const read = async (blob: string) => {
    const [container = '', ...path] = blob.split('/')
    return (await blobs.getContainerClient(container).getBlobClient(path.join('/')).downloadToBuffer()).toString()
  }
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await app.keyOf('diabetes')}` }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    return fetch(`${app.url}/api/v1/service/diabetes/jobs${path}`, init)
  }
  const runJob = async (submission: object): Promise<Job> => {
    const submitted = await call('POST', '', submission)
    let job = (await submitted.json()) as Job
    assert.equal(submitted.status, 202, JSON.stringify(job))
    while (!['Completed', 'Failed', 'Canceled'].includes(job.status)) {
      await delay(50)
      job = (await (await call('GET', `/${job.jobId}`)).json()) as Job
    }
    return job
  }

  it('joins their rows in one output, with the file of each and its place there', async () => {
    await put('joined/2/b.csv', csvOf(1, 0))
    await put('joined/1/a, "x".csv', csvOf(0))
    await put('joined/3/none.csv', header)
    const input = { blob: 'input/joined/**/*.csv' }
    const job = await runJob({ input, output: { blob: 'output/joined.jsonl' }, miniBatchSize: 1 })
    assert.deepEqual([job.status, job.error], ['Completed', undefined])
    const counts = { rows: 3, succeeded: 3, failed: 0, chunks: 3, chunksDone: 3, percent: 100 }
    assert.deepEqual(job.progress, { ...counts, files: 3, filesDone: 3 })
    const expected = [
      ['input/joined/1/a, "x".csv', 0, one],
      ['input/joined/2/b.csv', 0, two],
      ['input/joined/2/b.csv', 1, one],
    ]
    const lines = (await read('output/joined.jsonl')).trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => JSON.parse(line)),
      expected.map(([file, index, prediction]) => ({ index, file, prediction })),
    )
    await runJob({ input, output: { blob: 'output/joined.csv', include: ['age'] } })
    const table = parse(await read('output/joined.csv'), { columns: true }) as Record<string, string>[]
    assert.deepEqual(Object.keys(table[0] ?? {}), ['index', 'age', 'file', 'prediction', 'error_code', 'error_message'])
    assert.deepEqual(
      table.map(({ file, index, prediction }) => [file, Number(index), Number(prediction)]),
      expected,
    )
  })

  it('writes an output for each, as a job of its own would', async () => {
    await put('own/may/a.csv.gz', gzipSync(csvOf(0, 1)))
    await put('own/b.csv.gz', gzipSync(csvOf(1)))
    await put('own/empty.csv.gz', gzipSync(header))
    const job = await runJob({
      input: { blob: 'input/own/', format: 'csv' },
      output: { blob: 'output/own/{name}.csv' },
    })
    assert.deepEqual([job.status, job.error, job.output?.blob], ['Completed', undefined, 'output/own/{name}.csv'])
    const alone = await runJob({ input: { blob: 'input/own/may/a.csv.gz' }, output: { blob: 'output/alone.csv' } })
    assert.equal(alone.status, 'Completed')
    assert.equal(await read('output/own/may/a.csv'), await read('output/alone.csv'))
    assert.equal(await read('output/own/b.csv'), `index,prediction,error_code,error_message\n0,${two},,\n`)
    assert.equal(await read('output/own/empty.csv'), 'index,prediction,error_code,error_message\n')
    const output = await call('GET', `/${job.jobId}/output`)
    assert.equal(output.status, 404)
    assert.match(((await output.json()) as { message: string }).message, /output\/own\/\{name\}\.csv/)
  })

  it('fails when a header is another, naming the file', async () => {
    await put('unlike/a.csv', csvOf(0))
    await put('unlike/b.csv', csvOf(1).replace('bmi', 'BMI'))
    const { status, error } = await runJob({ input: { blob: 'input/unlike/*.csv' } })
    assert.deepEqual([status, error?.code], ['Failed', 'INPUT_COLUMNS_UNFIT'])
    assert.match(error?.message ?? '', /^input\/unlike\/b\.csv: .*column 3 is "BMI", not "bmi"/)
  })

  it('fails when a file is in the archive tier, naming it, as a job for it alone does', async () => {
    await put('archived/a.csv', csvOf(0))
    await put('archived/b.csv', csvOf(1))
    await blobs.getContainerClient('input').getBlobClient('archived/b.csv').setAccessTier('Archive')
    for (const blob of ['input/archived/*.csv', 'input/archived/b.csv']) {
      const { status, error } = await runJob({ input: { blob } })
      assert.deepEqual([status, error?.code], ['Failed', 'INPUT_ARCHIVED'])
      assert.match(error?.message ?? '', /^the input input\/archived\/b\.csv is in the archive tier/)
    }
  })

  it('scores files of JSON beyond one part of the plan', async () => {
    const names = Array.from({ length: 80 }, (_, index) => `many/${String(index).padStart(3, '0')}.json`)
    await Promise.all(names.map((name, index) => put(name, JSON.stringify([rows[index % 2], rows[0]]))))
    const job = await runJob({ input: { blob: 'input/many/*.json' }, output: { blob: 'output/many.jsonl' } })
    assert.equal(job.status, 'Completed', JSON.stringify(job))
    const lines = (await read('output/many.jsonl')).trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => JSON.parse(line)),
      names.flatMap((name, index) => [
        { index: 0, file: `input/${name}`, prediction: index % 2 === 0 ? one : two },
        { index: 1, file: `input/${name}`, prediction: one },
      ]),
    )
  })
})
