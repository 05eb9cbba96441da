import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }
const run = promisify(execFile)

interface Job {
  readonly jobId: string
  readonly status: string
  readonly progress: { readonly rows: number; readonly failed: number }
  readonly code?: string
  readonly message?: string
}

/** Published with Azure ML's example of this model. */
const published = [217.67978776218715, 224.78937091757172]

describe('POST /jobs with the file itself', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  let folder: string
  let jobsUrl: string
  let key: string
  let csv: string
  beforeAll(async () => {
    const storage = await startStorage(test as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    app = await runApp(test as never, undefined, {
      AzureWebJobsStorage: storage,
      SCORING_JOB_MAX_UPLOAD_BYTES: '6000000',
    })
    await app.settled()
    folder = await mkdtemp(join(tmpdir(), 'job-files-'))
    cleanUps.push(() => rm(folder, { recursive: true }))
    jobsUrl = `${app.url}/api/v1/service/diabetes/jobs`
    key = await app.keyOf('diabetes')
    const rows = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')).data as number[][]
    csv = ['age,sex,bmi,bp,s1,s2,s3,s4,s5,s6', ...rows.map(row => row.join(','))].join('\n')
    await writeFile(join(folder, 'patients.csv'), csv)
    await writeFile(join(folder, 'patients.csv.gz'), gzipSync(csv))
    await writeFile(join(folder, 'patients.jsonl'), rows.map(row => JSON.stringify(row)).join('\n'))
    await writeFile(join(folder, 'patients.json'), JSON.stringify(rows))
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  /** @returns the status of HTTP, and the body */
  const curl = async (...args: string[]): Promise<[number, Job]> => {
    const [target = '', ...others] = args
    const call = ['-sS', '-w', '\n%{http_code}', '-H', `Authorization: Bearer ${key}`, `${jobsUrl}${target}`, ...others]
    const { stdout } = await run('curl', call, { cwd: folder })
    const end = stdout.lastIndexOf('\n')
    return [Number(stdout.slice(end + 1)), JSON.parse(stdout.slice(0, end))]
  }
  const endOf = async ({ jobId }: Job): Promise<Job> => {
    for (;;) {
      const [, job] = await curl(`/${jobId}`)
      if (['Completed', 'Failed', 'Canceled'].includes(job.status)) return job
      await delay(50)
    }
  }
  const predictionsOf = async (job: Job) => {
    const ended = await endOf(job)
    assert.equal(ended.status, 'Completed', JSON.stringify(ended))
    const response = await fetch(`${jobsUrl}/${job.jobId}/output`, { headers: { authorization: `Bearer ${key}` } })
    const lines = (await response.text()).split('\n').filter(line => line !== '')
    return lines.map(line => JSON.parse(line).prediction)
  }
  const namesIn = async (container: string, prefix: string) => {
    const names: string[] = []
    for await (const { name } of blobs.getContainerClient(container).listBlobsFlat({ prefix })) names.push(name)
    return names
  }

  it.each([
    ['a CSV', ['', '--data-binary', '@patients.csv', '-H', 'Content-Type: text/csv']],
    ['a CSV, by the query', ['?format=csv', '--data-binary', '@patients.csv']],
    [
      'a CSV whose length is not told',
      ['?name=patients.csv', '-H', 'Transfer-Encoding: chunked', '--data-binary', '@patients.csv'],
    ],
    ['JSON Lines', ['', '--data-binary', '@patients.jsonl', '-H', 'Content-Type: application/x-ndjson']],
    ['a JSON array', ['', '--data-binary', '@patients.json', '-H', 'Content-Type: application/json']],
    [
      'a JSON array, as a stream',
      ['?format=json', '--data-binary', '@patients.json', '-H', 'Content-Type: application/json'],
    ],
    [
      'a gzipped CSV',
      ['', '--data-binary', '@patients.csv.gz', '-H', 'Content-Type: text/csv', '-H', 'Content-Encoding: gzip'],
    ],
    ['a gzipped CSV, by its name', ['?name=patients.csv.gz', '--data-binary', '@patients.csv.gz']],
    ['a form', ['', '-F', 'file=@patients.csv']],
    ['a form with a gzipped file', ['', '-F', 'file=@patients.csv.gz', '-F', 'job={"miniBatchSize": 1}']],
    ['a form whose file has no name', ['', '-F', 'file=<patients.csv;type=text/csv']],
  ])('scores %s from curl', async (_, args) => {
    const [status, job] = await curl(...args)
    assert.equal(status, 202, JSON.stringify(job))
    assert.deepEqual(await predictionsOf(job), published)
  })

  it('takes the members of a submission from the query, and makes one job of the same id and content', async () => {
    const send = () =>
      curl(
        '?jobId=nightly&output=output/nightly.csv&include=age,sex&columns=age,sex,bmi,bp,s1,s2,s3,s4,s5,s6&errorThreshold=0',
        ...['--data-binary', '@patients.csv', '-H', 'Content-Type: text/csv'],
      )
    const [status, job] = await send()
    assert.equal(status, 202, JSON.stringify(job))
    assert.equal((await endOf(job)).status, 'Completed')
    const text = await blobs.getContainerClient('output').getBlobClient('nightly.csv').downloadToBuffer()
    assert.match(text.toString(), /^index,age,sex,prediction,.*\n0,0\.0199132141783263,/)
    const [again, same] = await send()
    assert.deepEqual([again, same.jobId, same.status], [200, 'nightly', 'Completed'])
    const [other, refused] = await curl('?jobId=nightly&output=output/nightly.csv', '-F', 'file=@patients.jsonl')
    assert.deepEqual([other, refused.code], [409, 'JOB_ID_TAKEN'])
  })

  it('writes to a name with the date, over what is there if that is asked for', async () => {
    const output = blobs.getContainerClient('output')
    await output.createIfNotExists()
    const today = new Date().toISOString().slice(0, 10)
    const blob = output.getBlockBlobClient(`${today}/patients.csv`)
    await blob.uploadData(Buffer.alloc(3000), { blockSize: 1000, maxSingleShotSize: 1000 }) // ids as other programs choose them
    const args = ['?output=output/{date}/{name}.csv', '-g', '-F', 'file=@patients.csv.gz']
    const [status, { code }] = await curl(...args)
    assert.deepEqual([status, code], [409, 'JOB_OUTPUT_EXISTS'])
    const jobIds: string[] = []
    for (let day = 0; day < 2; day++) {
      const [accepted, job] = await curl(...args, '-F', 'overwrite=true')
      assert.equal(accepted, 202, JSON.stringify(job))
      assert.equal((await endOf(job)).status, 'Completed')
      assert.match((await blob.downloadToBuffer()).toString(), /^index,prediction,.*\n0,217\.67978/)
      jobIds.push(job.jobId)
    }
    const [replaced, { code: missing, message }] = await curl(`/${jobIds[0]}/output`)
    assert.deepEqual([replaced, missing], [404, 'JOB_OUTPUT_MISSING'])
    assert.match(message ?? '', /has been replaced since, by a later job or another program/)
    const headers = { authorization: `Bearer ${key}` }
    assert.equal((await fetch(`${jobsUrl}/${jobIds[1]}/output`, { headers })).status, 200)
  })

  it('counts rows without an output', async () => {
    const [, job] = await curl('?action=summary_only', '-F', 'file=@patients.csv')
    const ended = await endOf(job)
    assert.deepEqual([ended.status, ended.progress.rows, 'output' in ended], ['Completed', 2, false])
    const [status, { code }] = await curl(`/${job.jobId}/output`)
    assert.deepEqual([status, code], [404, 'JOB_OUTPUT_MISSING'])
  })

  it('takes the members of a form in any order, in JSON or as fields, and the key of a repeated request', async () => {
    const form = ['-F', 'file=@patients.csv', '-F', 'job={"input": {"header": true}, "output": {"format": "csv"}}']
    const [status, job] = await curl('?errorThreshold=5', ...form, '-F', 'maxRetries=1', '-H', 'Idempotency-Key: k1')
    assert.equal(status, 202, JSON.stringify(job))
    const [, same] = await curl('?errorThreshold=5', ...form, '-F', 'maxRetries=1', '-H', 'Idempotency-Key: k1')
    assert.equal(same.jobId, job.jobId)
  })

  it.each([
    [
      415,
      'CONTENT_TYPE_UNSUPPORTED',
      /application\/x-www-form-urlencoded.*\?format=csv/,
      ['', '--data-binary', '@patients.csv'],
    ],
    [
      415,
      'CONTENT_ENCODING_UNSUPPORTED',
      /gzip/,
      ['?format=csv', '--data-binary', '@patients.csv', '-H', 'Content-Encoding: br'],
    ],
    [400, 'JOB_INVALID', /unrecognized "jobid"/, ['?format=csv&jobid=x', '--data-binary', '@patients.csv']],
    [
      400,
      'JOB_INVALID',
      /header: must be true or false, came "no"/,
      ['?format=csv&header=no', '--data-binary', '@patients.csv'],
    ],
    [400, 'JOB_INVALID', /maxRetries: .*came 11/, ['?format=csv&maxRetries=11', '--data-binary', '@patients.csv']],
    [400, 'JOB_INVALID', /jobId: is given twice/, ['?format=csv&jobId=a&jobId=b', '--data-binary', '@patients.csv']],
    [400, 'JOB_INVALID', /query has "jobId"/, ['?jobId=a', '--json', '{"input": {"rows": []}}']],
    [
      400,
      'JOB_INVALID',
      /input: unrecognized "blob"/,
      ['', '-F', 'file=@patients.csv', '-F', 'job={"input": {"blob": "input/x.csv"}}'],
    ],
    [400, 'JOB_INVALID', /file: is missing/, ['', '-F', 'job={}']],
    [400, 'JOB_INVALID', /file: is there twice/, ['', '-F', 'file=@patients.csv', '-F', 'file=@patients.csv']],
    [400, 'JOB_INVALID', /job: is given twice/, ['', '-F', 'file=@patients.csv', '-F', 'job={}', '-F', 'job={}']],
    [
      400,
      'JOB_INVALID',
      /form has more than 100 fields/,
      ['', ...Array.from({ length: 101 }, () => ['-F', 'columns=a']).flat(), '-F', 'file=@patients.csv'],
    ],
    [
      415,
      'CONTENT_ENCODING_UNSUPPORTED',
      /form without Content-Encoding; .*ends with \.gz/,
      ['', '-F', 'file=@patients.csv', '-H', 'Content-Encoding: gzip'],
    ],
    [
      400,
      'JOB_INVALID',
      /Content-Type: .*oundary/,
      ['', '--data-binary', 'x', '-H', 'Content-Type: multipart/form-data'],
    ],
    [
      400,
      'JOB_INVALID',
      /form cannot be read/,
      ['', '--data-binary', '--b\r\n\r\nx', '-H', 'Content-Type: multipart/form-data; boundary=b'],
    ],
    [400, 'JOB_INPUT_EMPTY', /not parquet/, ['?format=parquet', '--data-binary', '']],
  ] as const)('is refused with %i %s where it is wrong: %s', async (status, code, message, args) => {
    const [answered, body] = await curl(...args)
    assert.deepEqual([answered, body.code], [status, code], JSON.stringify(body))
    assert.match(body.message ?? '', message)
  })

  it('is refused with 413 beyond its limit, before it is read and while it is', async () => {
    await writeFile(join(folder, 'large.csv'), `${csv}\n`.repeat(1 + 6_000_000 / csv.length))
    for (const args of [
      ['?format=csv', '--data-binary', '@large.csv'],
      ['', '-F', 'file=@large.csv'],
    ]) {
      const [status, { code, message }] = await curl(...args)
      assert.deepEqual([status, code], [413, 'JOB_INPUT_TOO_LARGE'], message)
      assert.match(message ?? '', /6000000 bytes \(SCORING_JOB_MAX_UPLOAD_BYTES\)/)
    }
    const [status] = await curl('?format=csv', '-H', 'Transfer-Encoding: chunked', '--data-binary', '@large.csv')
    assert.equal(status, 413)
  })

  it('leaves no blob when its sender leaves, and none when its job has ended', async () => {
    const { hostname, port } = new URL(app.url)
    const socket = connect(Number(port), hostname)
    const head = `POST /api/v1/service/diabetes/jobs?jobId=left HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\n`
    socket.write(`${head}Content-Type: text/csv\r\nContent-Length: 5500000\r\n\r\n`)
    socket.write(`${csv}\n`.repeat(4_500_000 / csv.length), () => socket.destroy())
    await new Promise(resolve => socket.on('close', resolve))
    const [, job] = await curl('', '-F', 'file=@patients.csv')
    await endOf(job)
    while ((await namesIn('jobs', '_active/')).length > 0) await delay(50)
    assert.deepEqual(await namesIn('jobs', '_uploads/'), [])
    assert.equal((await curl('/left'))[0], 404)
  })
})
