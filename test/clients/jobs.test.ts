/** Batch jobs by clients that know nothing of this project: curl, and Azure's own client of queues for Python. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { lineError } from '../support/line-error.ts'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { run, works } from './tools.ts'

interface Job {
  readonly jobId: string
  readonly status: string
  readonly output: { readonly blob: string }
}

const source = (path: string) => join(import.meta.dirname, path)
const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

/** The command line of a Python that has Azure's client of queues, or why there is none. */
async function pythonWithQueues(): Promise<readonly [string, ...string[]] | { missing: string }> {
  if (await works('python3', '-c', 'import azure.storage.queue')) return ['python3']
  const found = await pythonWith(source('python/queue-requirements.txt'))
  return 'missing' in found ? found : [found.python]
}

describe('POST /jobs, queue scoring-jobs: a batch job with the predictions of HTTP scoring', () => {
  let app: RunningApp
  let storage: string
  let blobs: BlobServiceClient
  const row = [5.1, 3.4, 1.5, 0.2]
  /** The last one is too short. */
  const rows = [row, [6.3, 3.4, 5.6, 2.4], [1]]
  beforeAll(async () => {
    storage = await startStorage(file as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    const { containerClient } = await blobs.createContainer('input')
    await containerClient
      .getBlockBlobClient('flowers.jsonl')
      .uploadData(Buffer.from(rows.map(each => `${JSON.stringify(each)}\n`).join('')))
    app = await runApp(file as never, undefined, {
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const requireAnswersOfHttp = async ({ status, output }: Job) => {
    assert.equal(status, 'Completed')
    const [container = '', ...path] = output.blob.split('/')
    const text = await blobs.getContainerClient(container).getBlobClient(path.join('/')).downloadToBuffer()
    const lines = text
      .toString()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const expected = await Promise.all(
      rows.map(async (each, index) => {
        const response = await app.score('iris', JSON.stringify({ data: [each] }))
        const answer = await response.json()
        return response.ok ? { index, prediction: answer } : { index, error: lineError(answer as never, index + 1) }
      }),
    )
    assert.deepEqual(lines, expected)
  }

  it('is submitted and polled with curl', async test => {
    if (!(await works('curl', '--version'))) return test.skip('curl is not installed')
    const submission = JSON.stringify({ input: { blob: 'input/flowers.jsonl' } })
    const url = `${app.url}/api/v1/service/iris/jobs`
    const { code, stdout, stderr } = await run('sh', source('curl/job.sh'), url, await app.keyOf('iris'), submission)
    assert.equal(code, 0, stderr)
    await requireAnswersOfHttp(JSON.parse(stdout))
  })

  it("is put on the queue with Python's azure-storage-queue, as text and in base64", async test => {
    const python = await pythonWithQueues()
    if ('missing' in python) return test.skip(python.missing)
    const [program, ...options] = python
    const headers = { authorization: `Bearer ${await app.keyOf('iris')}` }
    for (const [jobId, ...encoding] of [['as-text'], ['in-base64', 'base64']] as const) {
      const submission = JSON.stringify({ jobId, service: 'iris', input: { blob: 'input/flowers.jsonl' } })
      const { code, stderr } = await run(
        program,
        ...options,
        source('python/submit_job.py'),
        storage,
        submission,
        ...encoding,
      )
      assert.equal(code, 0, stderr)
      let job: Job | undefined
      while (job?.status !== 'Completed' && job?.status !== 'Failed') {
        await delay(100)
        const response = await fetch(`${app.url}/api/v1/service/iris/jobs/${jobId}`, { headers })
        if (response.ok) job = (await response.json()) as Job
      }
      await requireAnswersOfHttp(job)
    }
  })
})
