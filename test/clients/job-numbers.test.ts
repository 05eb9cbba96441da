/** Numbers of every type in files that pandas, pyarrow, polars and DuckDB write: a job gives what onnxruntime gives in Python, to the bit. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { writeModel } from '../support/onnx-writer.ts'
import { pythonWith } from '../support/python.ts'
import { runApp } from '../support/running-app.ts'
import { succeed } from './tools.ts'

const floats = ['float16', 'float32', 'float64'] as const
const integers = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'] as const
const dtypes = [...floats, ...integers]
const libraries = ['arrow', 'fixed', 'pandas', 'polars', 'duckdb']
/** Of Parquet, a column for each number, and one of lists. */
const kinds = ['csv', 'jsonl', 'parquet', ...libraries.map(library => `${library}.parquet`)]

/** The number itself, and a third of it as a double. */
const model = (dtype: (typeof dtypes)[number]) =>
  writeModel({
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['same'] },
      { op: 'Cast', inputs: ['x'], outputs: ['double'], attributes: { to: 11 } },
      { op: 'Cast', inputs: ['third'], outputs: ['factor'], attributes: { to: 11 } },
      { op: 'Mul', inputs: ['double', 'factor'], outputs: ['product'] },
    ],
    inputs: [['x', dtype, ['n', 3]]],
    outputs: [
      ['same', dtype, ['n', 3]],
      ['product', 'float64', ['n', 3]],
    ],
    constants: [{ name: 'third', dtype: 'float32', shape: [1], values: [1 / 3] }],
  })

const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

describe('POST /jobs: CSV, JSON Lines and Parquet of every numeric type', () => {
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it("gets onnxruntime's predictions in Python, to the bit, with missing values and infinities", async test => {
    const script = join(import.meta.dirname, 'python/number_tables.py')
    const tool = await pythonWith(join(import.meta.dirname, 'python/number-requirements.txt'))
    if ('missing' in tool) return test.skip(tool.missing)
    const folder = await mkdtemp(join(tmpdir(), 'numbers-'))
    cleanUps.push(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    for (const dtype of dtypes) await writeFile(join(folder, `${dtype}.onnx`), model(dtype))
    await succeed(tool.python, script, 'write', folder)

    const storage = await startStorage(file as never)
    const { containerClient } = await BlobServiceClient.fromConnectionString(storage).createContainer('input')
    const definition = { auth: { mode: 'none' }, response: { nonFinite: 'literal' } }
    const services = dtypes.flatMap(dtype => [
      [`${dtype}/service.json`, definition],
      [`${dtype}/model.onnx`, model(dtype)],
    ])
    const app = await runApp(file as never, Object.fromEntries(services), { AzureWebJobsStorage: storage })
    await app.settled()
    for (const dtype of dtypes) {
      const score = async (kind: string) => {
        const name = `${dtype}.${kind}`
        await containerClient.getBlockBlobClient(name).uploadData(await readFile(join(folder, name)))
        await writeFile(join(folder, `${name}.predictions`), await scoreBlob(app.url, dtype, name))
      }
      await Promise.all(kinds.map(score))
    }
    await succeed(tool.python, script, 'check', folder)
  })
})

interface Job {
  readonly status: string
  readonly progress: { readonly failed: number }
  readonly error?: object
}

/** @returns the lines of the output */
async function scoreBlob(url: string, service: string, blob: string): Promise<string> {
  const jobs = `${url}/api/v1/service/${service}/jobs`
  const body = JSON.stringify({ jobId: blob.replaceAll('.', '-'), input: { blob: `input/${blob}` } })
  const submitted = await fetch(jobs, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  assert.equal(submitted.status, 202)
  const job = `${jobs}/${blob.replaceAll('.', '-')}`
  for (;;) {
    const { status, progress, error } = (await (await fetch(job)).json()) as Job
    if (['Completed', 'Failed'].includes(status)) {
      assert.deepEqual([status, error, progress.failed], ['Completed', undefined, 0], blob)
      return (await fetch(`${job}/output`)).text()
    }
    await delay(50)
  }
}
