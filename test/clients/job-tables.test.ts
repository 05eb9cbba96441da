/** Tables of pandas, pyarrow, polars and DuckDB: what they write is scored, and they read what a job writes. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { run } from './tools.ts'

const source = (path: string) => join(import.meta.dirname, 'python', path)
const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

describe('POST /jobs: tables of Python', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tables-'))
    cleanUps.push(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    const storage = await startStorage(file as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    await blobs.createContainer('input')
    const definition = { auth: { mode: 'none' }, response: { nonFinite: 'literal' } }
    app = await runApp(
      file as never,
      {
        'vectors/service.json': definition,
        'vectors/model.onnx': identityModel('float32', ['batch', 3]),
        'numbers/service.json': definition,
        'numbers/model.onnx': identityModel('int64', ['batch', 1]),
      },
      { AzureWebJobsStorage: storage, SCORING_HOST_QUEUE_MAX_POLLING_MS: '100' },
    )
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  /** Scores a file of the folder, and writes the output into it. */
  const score = async (service: string, name: string, submission: { input: object; output: object }, out: string) => {
    await blobs.getContainerClient('input').getBlockBlobClient(name).uploadFile(join(folder, name))
    const url = `${app.url}/api/v1/service/${service}/jobs`
    const body = JSON.stringify({
      ...submission,
      input: { blob: `input/${name}`, ...submission.input },
      miniBatchSize: 1000,
    })
    const submitted = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const { jobId, message } = (await submitted.json()) as { jobId: string; message?: string }
    assert.equal(submitted.status, 202, message)
    for (;;) {
      const job = (await (await fetch(`${url}/${jobId}`)).json()) as { status: string; error?: object }
      assert.equal(job.error, undefined, JSON.stringify(job.error))
      if (job.status === 'Completed') break
      await delay(50)
    }
    await writeFile(join(folder, out), Buffer.from(await (await fetch(`${url}/${jobId}/output`)).arrayBuffer()))
  }

  it('are read, and written as Parquet, CSV and JSON Lines, bit for bit', async test => {
    const python = await pythonWith(source('table-requirements.txt'))
    if ('missing' in python) return test.skip(python.missing)
    const runScript = async (mode: string) => {
      const { code, stdout, stderr } = await run(python.python, source('job_tables.py'), mode, folder)
      assert.equal(code, 0, stdout + stderr)
      return stdout
    }
    await runScript('make')
    const columns = ['a', 'b', 'c']
    const include = ['id', 'name', 'flag', 'half']
    await score(
      'vectors',
      'table.parquet',
      { input: { columns }, output: { format: 'parquet', include } },
      'vectors.parquet',
    )
    await score(
      'numbers',
      'table.parquet',
      { input: { columns: ['n'] }, output: { format: 'parquet' } },
      'numbers.parquet',
    )
    const packed = { format: 'csv', isGzip: true, include: ['id'] }
    await score('vectors', 'table.parquet', { input: { columns }, output: packed }, 'vectors.csv.gz')
    const lines = { isGzip: true, include: ['id'] }
    await score('vectors', 'records.jsonl', { input: { columns }, output: lines }, 'records.jsonl.gz')
    const dialect = { columns, delimiter: ';', na: ['?'] }
    await score('vectors', 'semicolons.csv', { input: dialect, output: lines }, 'semicolons.jsonl.gz')
    assert.equal(await runScript('check'), 'ok\n')
    assert.equal((await readFile(join(folder, 'vectors.parquet'))).subarray(0, 4).toString(), 'PAR1')
  })
})
