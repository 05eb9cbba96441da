import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { lineError } from '../support/line-error.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

interface Job {
  readonly jobId: string
  readonly status: string
  readonly progress: { readonly rows: number; readonly succeeded: number; readonly failed: number }
  readonly output: { readonly blob: string }
  readonly error?: { readonly code: string; readonly message: string }
}

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

describe('POST /jobs: batch jobs', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  let queues: QueueServiceClient
  beforeAll(async () => {
    const storage = await startStorage(test as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    queues = QueueServiceClient.fromConnectionString(storage)
    await blobs.createContainer('input')
    app = await runApp(test as never, undefined, {
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${app.url}/api/v1/service/${path}`, {
      method,
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${await app.keyOf(path.split('/')[0] as string)}`,
        ...headers,
      },
    })
  const put = (name: string, text: string | Uint8Array) =>
    blobs.getContainerClient('input').getBlockBlobClient(name).uploadData(Buffer.from(text))
  const read = async (blob: string) => {
    const [container = '', ...path] = blob.split('/')
    return (await blobs.getContainerClient(container).getBlobClient(path.join('/')).downloadToBuffer()).toString()
  }
  const endOf = async (service: string, jobId: string): Promise<Job> => {
    for (;;) {
      const response = await call('GET', `${service}/jobs/${jobId}`)
      const job = (await response.json()) as Job
      if (['Completed', 'Failed', 'Canceled'].includes(job.status)) return job
      assert.match(response.headers.get('retry-after') ?? '', /^\d+$/)
      await delay(50)
    }
  }
  const linesOf = async (job: Job) => {
    const text = await read(job.output.blob)
    return text.split('\n').slice(0, -1)
  }
  const rowsOf = async (service: string): Promise<unknown[]> =>
    JSON.parse(await readFile(`models/${service}/sample.json`, 'utf8')).data
  /** A line of the output, by what HTTP gives for the row alone; each row is a line of its file. */
  const lineFor = async (service: string, index: number, row: unknown) => {
    const response = await app.score(service, JSON.stringify({ data: [row] }))
    const text = await response.text()
    return response.ok
      ? `{"index": ${index}, "prediction": ${text.slice(1, -1)}}`
      : JSON.stringify({ index, error: lineError(JSON.parse(text), index + 1) })
  }

  it('score a CSV from a submission over HTTP, with the predictions of HTTP scoring', async () => {
    const [first, second] = (await rowsOf('diabetes')) as number[][]
    const rows = Array.from({ length: 250 }, (_, index) => (index % 2 === 0 ? first : second) as number[])
    const csv = [rows[0]?.map((_, column) => `f${column}`), ...rows].map(row => row?.join(',')).join('\r\n')
    await put('patients.csv', csv)
    const submitted = await call('POST', 'diabetes/jobs', { input: { blob: 'input/patients.csv' }, miniBatchSize: 100 })
    assert.equal(submitted.status, 202)
    const { jobId, status } = (await submitted.json()) as Job
    assert.equal(submitted.headers.get('location'), `/api/v1/service/diabetes/jobs/${jobId}`)
    assert.match(submitted.headers.get('retry-after') ?? '', /^\d+$/)
    assert.equal(status, 'NotStarted')
    const job = await endOf('diabetes', jobId)
    assert.deepEqual([job.status, job.error], ['Completed', undefined])
    assert.deepEqual([job.progress.rows, job.progress.succeeded, job.progress.failed], [250, 250, 0])
    const expected = await Promise.all([first, second].map((row, index) => lineFor('diabetes', index, row)))
    const lines = await linesOf(job)
    assert.equal(lines.length, 250)
    for (const [index, line] of lines.entries())
      assert.deepEqual(JSON.parse(line), { ...JSON.parse(expected[index % 2] as string), index })
  })

  it('score the job of a message, with the errors of HTTP scoring for bad rows', async () => {
    const [good] = await rowsOf('digits')
    const rows = [good, [[1, 2]], 'seven', good]
    await put('images.jsonl', rows.map(row => JSON.stringify(row)).join('\n'))
    const submission = { jobId: 'by-queue', service: 'digits', input: { blob: 'input/images.jsonl' } }
    await queues.createQueue('scoring-jobs')
    // Most clients of queues pack their messages in base64.
    await queues.getQueueClient('scoring-jobs').sendMessage(Buffer.from(JSON.stringify(submission)).toString('base64'))
    while ((await call('GET', 'digits/jobs/by-queue')).status === 404) await delay(50)
    const job = await endOf('digits', 'by-queue')
    assert.deepEqual([job.status, job.progress.succeeded, job.progress.failed], ['Completed', 2, 2])
    const expected = await Promise.all(rows.map((row, index) => lineFor('digits', index, row)))
    assert.deepEqual(
      (await linesOf(job)).map(line => JSON.parse(line)),
      expected.map(line => JSON.parse(line)),
    )
  })

  it('store an invalid message as a failed job that says why', async () => {
    await queues.createQueue('scoring-jobs').catch(() => {})
    const { messageId } = await queues.getQueueClient('scoring-jobs').sendMessage('hello')
    while ((await call('GET', `iris/jobs/message-${messageId}`)).status === 404) await delay(50)
    const { status, error } = await endOf('iris', `message-${messageId}`)
    assert.deepEqual([status, error?.code], ['Failed', 'JOB_INVALID'])
    assert.match(error?.message ?? '', /neither JSON/)
  })

  it('score inline rows, and write a CSV on request', async () => {
    const submission = { jobId: 'inline', input: { rows: [[5.1, 3.4, 1.5, 0.2]] }, output: { format: 'csv' } }
    assert.equal((await call('POST', 'iris/jobs', submission)).status, 202)
    const job = await endOf('iris', 'inline')
    assert.equal(job.output.blob, 'jobs/iris/inline/predictions.csv')
    const [header, line] = (await read(job.output.blob)).split(/\r?\n/)
    assert.equal(header, 'index,prediction,error_code,error_message')
    assert.match(line ?? '', /^0,"\{""labels"": \[""setosa""\]/)
    const again = await call('POST', 'iris/jobs', submission)
    assert.deepEqual([again.status, again.headers.get('retry-after')], [200, null])
    const other = await call('POST', 'iris/jobs', { ...submission, maxRetries: 1 })
    assert.deepEqual([other.status, ((await other.json()) as { code: string }).code], [409, 'JOB_ID_TAKEN'])
  })

  it('are listed by service, and shown to its callers only', async () => {
    const { jobs } = (await (await call('GET', 'iris/jobs?limit=1')).json()) as { jobs: Job[] }
    assert.equal(jobs.length, 1)
    assert.equal((await call('GET', 'diabetes/jobs/inline')).status, 404)
    for (const [query, code] of [
      ['limit=0', 'JOB_INVALID'],
      ['limit=x', 'JOB_INVALID'],
      ['marker=..', 'JOB_LIST_MARKER_INVALID'],
      ['state=Failed', 'JOB_INVALID'],
      ['status=failed', 'JOB_INVALID'],
      ['since=yesterday', 'JOB_INVALID'],
    ]) {
      const response = await call('GET', `iris/jobs?${query}`)
      assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [400, code])
    }
  })

  it('are filtered by status and time of creation', async () => {
    const listed = async (query: string) => {
      const answer = (await (await call('GET', `iris/jobs?${query}`)).json()) as { jobs: Job[] }
      return answer.jobs.map(({ jobId }) => jobId)
    }
    assert.ok((await listed('status=Completed')).includes('inline'))
    assert.ok(!(await listed('status=Failed,Canceled')).includes('inline'))
    assert.ok((await listed('since=2026-01-01&code=key-of-azure-functions')).includes('inline'))
    assert.deepEqual(await listed('since=2999-01-01T00:00:00%2B02:00'), [])
    const unknown = (await (await call('GET', 'iris/jobs?state=Failed')).json()) as { message: string }
    assert.match(unknown.message, /^"state": is not known; the list takes limit, marker, status, since$/)
    const twice = (await (await call('GET', 'iris/jobs?status=Failed&status=Completed')).json()) as { message: string }
    assert.equal(twice.message, 'status: is given twice; name several in one, with commas: ?status=Failed,Canceled')
    const { startedAt, endedAt, completedAt, rowsPerSecond } = (await (
      await call('GET', 'iris/jobs/inline')
    ).json()) as Record<string, string>
    assert.ok(startedAt && endedAt && startedAt <= endedAt && completedAt === endedAt && Number(rowsPerSecond) > 0)
  })

  it('are cancelled if they have not ended', async () => {
    await put('many.jsonl', '[5.1, 3.4, 1.5, 0.2]\n'.repeat(50_000))
    const submission = { jobId: 'long', input: { blob: 'input/many.jsonl' } }
    assert.equal((await call('POST', 'iris/jobs', submission)).status, 202)
    const cancelled = await call('POST', 'iris/jobs/long/cancel')
    assert.ok([200, 202].includes(cancelled.status))
    assert.equal((await endOf('iris', 'long')).status, 'Canceled')
    const ended = await call('POST', 'iris/jobs/inline/cancel')
    assert.deepEqual([ended.status, ((await ended.json()) as { code: string }).code], [409, 'JOB_NOT_CANCELLABLE'])
    assert.equal((await call('POST', 'iris/jobs/none/cancel')).status, 404)
    assert.equal((await call('GET', 'iris/jobs/inline/cancel')).status, 405)
  })

  it('are cancelled by DELETE if they have not ended, and else deleted with their files', async () => {
    const submission = { jobId: 'stopped', input: { blob: 'input/many.jsonl' }, output: { blob: 'output/kept.jsonl' } }
    assert.equal((await call('POST', 'iris/jobs', submission)).status, 202)
    assert.equal((await call('DELETE', 'iris/jobs/stopped')).status, 202)
    assert.equal((await endOf('iris', 'stopped')).status, 'Canceled')
    const small = { jobId: 'small', input: { rows: [[5.1, 3.4, 1.5, 0.2]] } }
    assert.equal((await call('POST', 'iris/jobs', small)).status, 202)
    const { output } = await endOf('iris', 'small')
    for (const jobId of ['stopped', 'small', 'small', 'never-was']) {
      const deleted = await call('DELETE', `iris/jobs/${jobId}`)
      assert.deepEqual([deleted.status, await deleted.text()], [204, ''], jobId)
      assert.equal((await call('GET', `iris/jobs/${jobId}`)).status, 404)
    }
    await assert.rejects(read(output.blob), { statusCode: 404 })
    const left: string[] = []
    for await (const { name } of blobs.getContainerClient('jobs').listBlobsFlat({ prefix: 'iris/small/' }))
      left.push(name)
    assert.deepEqual(left, ['iris/small/spec.json', 'iris/small/state.json'], 'which keep its id for a day')
    const { jobs } = (await (await call('GET', 'iris/jobs?limit=100')).json()) as { jobs: Job[] }
    assert.deepEqual(
      jobs.filter(({ jobId }) => ['stopped', 'small'].includes(jobId)),
      [],
    )
    const again = await call('POST', 'iris/jobs', small)
    const { code, message } = (await again.json()) as { code: string; message: string }
    assert.deepEqual([again.status, code], [409, 'JOB_ID_TAKEN'])
    assert.match(message, /"small" of 20.* was deleted/)
  })

  it('are refused without the key of the service, before the body is read', async () => {
    const wrong = { authorization: `Bearer ${await app.keyOf('iris')}` }
    for (const [method, path] of [
      ['POST', 'diabetes/jobs'],
      ['GET', 'diabetes/jobs'],
      ['GET', 'diabetes/jobs/inline'],
      ['DELETE', 'diabetes/jobs/inline'],
    ] as const) {
      const response = await call(method, path, method === 'POST' ? 'no JSON' : undefined, wrong)
      assert.equal(response.status, 401)
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/)
    }
    assert.equal((await fetch(`${app.url}/api/v1/service/nobody/jobs`)).status, 404)
  })

  it('explain invalid submissions', async () => {
    const cases: [unknown, number, string][] = [
      ['', 400, 'BODY_EMPTY'],
      ['{', 400, 'BODY_NOT_JSON'],
      ['7', 400, 'BODY_NOT_OBJECT'],
      [{}, 400, 'JOB_INVALID'],
      [{ jobId: '../x', input: { rows: [] } }, 400, 'JOB_INVALID'],
      [{ input: { blob: 'input/absent.csv' } }, 400, 'JOB_INPUT_MISSING'],
      [{ input: { blob: 'azure-webjobs-hosts/x.csv' } }, 403, 'JOB_INPUT_NOT_ALLOWED'],
      [{ input: { url: 'https://elsewhere.example/x.csv' } }, 403, 'JOB_INPUT_NOT_ALLOWED'],
      [{ input: { rows: ['x'.repeat(2 ** 20)] } }, 413, 'BODY_TOO_LARGE'],
    ]
    for (const [body, status, code] of cases) {
      const response = await call('POST', 'diabetes/jobs', body)
      const { code: found, message } = (await response.json()) as { code: string; message: string }
      assert.deepEqual([response.status, found], [status, code], message)
    }
    const text = await call('POST', 'diabetes/jobs', '{}', { 'content-type': 'text/plain' })
    assert.equal(text.status, 415)
  })

  it('refuse other methods like the other routes', async () => {
    assert.equal((await call('PUT', 'diabetes/jobs')).status, 405)
    assert.equal((await call('POST', 'diabetes/jobs/inline')).status, 405)
    const options = await call('OPTIONS', 'diabetes/jobs/inline')
    assert.deepEqual([options.status, options.headers.get('allow')], [200, 'GET, HEAD, DELETE, OPTIONS'])
    const head = await call('HEAD', 'iris/jobs/inline')
    assert.deepEqual([head.status, await head.text()], [200, ''])
    for (const id of ['..%2fx', 'a%00', '%C3%A9', '_active']) {
      assert.equal((await call('GET', `iris/jobs/${id}`)).status, 404, id)
    }
    assert.equal((await call('GET', 'iris/jobs/%69nline')).status, 200)
  })
})

describe('POST /jobs: batch jobs of an app without storage', () => {
  it('are refused with the name of the setting', async test => {
    const app = await runApp(test)
    const response = await fetch(`${app.url}/api/v1/service/iris/jobs`, {
      headers: { authorization: `Bearer ${await app.keyOf('iris')}` },
    })
    assert.equal(response.status, 503)
    assert.match(await response.text(), /AzureWebJobsStorage is not set.*"JOBS_UNAVAILABLE"/)
  })
})
