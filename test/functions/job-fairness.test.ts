import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'

const hasEnded = (status: string) => ['Completed', 'Failed', 'Canceled'].includes(status)

/** An app with the services `busy`, whose folder `inbox` is watched, and `other`. */
async function openApp(test: Cleaner, { files, maxActive }: { readonly files: number; readonly maxActive: number }) {
  const storage = await startStorage(test)
  const inbox = BlobServiceClient.fromConnectionString(storage).getContainerClient('inbox')
  await inbox.create()
  const rows = `x,y\n${'1,2\n'.repeat(1000)}`
  for (let file = 0; file < files; file++) await inbox.getBlockBlobClient(`${file}.csv`).uploadData(Buffer.from(rows))
  const services = {
    'busy/service.json': { jobs: { watch: 'inbox/*.csv', output: 'results/{name}.csv', overwrite: true } },
    'busy/1/model.onnx': identityModel('float32'),
    'other/service.json': {},
    'other/1/model.onnx': identityModel('float32'),
  }
  const app = await runApp(test, services, { AzureWebJobsStorage: storage, SCORING_JOB_MAX_ACTIVE: String(maxActive) })
  const ask = async (service: string, path = '', body?: unknown) => {
    const headers = { authorization: `Bearer ${await app.keyOf(service)}`, 'content-type': 'application/json' }
    const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
    return fetch(`${app.url}/api/v1/service/${service}/jobs${path}`, init)
  }
  const statuses = async (service: string): Promise<string[]> => {
    const { jobs } = (await (await ask(service, '?limit=100')).json()) as { jobs: { status: string }[] }
    return jobs.map(({ status }) => status)
  }
  /** Of a job, once it has ended. */
  const end = async (service: string, jobId: string): Promise<string> => {
    for (;;) {
      const answer = await ask(service, `/${jobId}`)
      const { status } = answer.ok ? ((await answer.json()) as { status: string }) : { status: 'unknown' }
      if (hasEnded(status)) return status
      await delay(50)
    }
  }
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await delay(50)
  }
  return { storage, ask, statuses, end, until }
}

describe('a backlog of one service', () => {
  it('of files in a watched folder leaves room for jobs submitted over HTTP, which begin beside it', async test => {
    const files = 30
    const { ask, statuses, end, until } = await openApp(test, { files, maxActive: 12 })
    await until(async () => (await statuses('busy')).length >= 4)
    const jobIds = ['by-hand-0', 'by-hand-1', 'by-hand-2', 'by-hand-3']
    const answers = await Promise.all(jobIds.map(jobId => ask('busy', '', { jobId, input: { rows: [[1, 2]] } })))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 202, 202],
    )
    for (const jobId of jobIds) assert.equal(await end('busy', jobId), 'Completed')
    const ended = (await statuses('busy')).filter(hasEnded).length - jobIds.length
    assert.ok(ended < files, 'the backlog is still there')
  })

  it('of messages does not keep the message of another service waiting for its jobs', async test => {
    const count = 60
    const { storage, end } = await openApp(test, { files: 0, maxActive: 12 })
    const queue = QueueServiceClient.fromConnectionString(storage).getQueueClient('scoring-jobs')
    const rows = Array.from({ length: 500 }, () => [1, 2])
    await queue.createIfNotExists()
    for (let job = 0; job < count; job++) {
      const submission = { jobId: `m-${job}`, service: 'busy', input: { rows }, miniBatchSize: 50 }
      await queue.sendMessage(JSON.stringify(submission))
    }
    await queue.sendMessage(JSON.stringify({ jobId: 'single', service: 'other', input: { rows: [[1, 2]] } }))
    assert.equal(await end('other', 'single'), 'Completed')
    const { approximateMessagesCount: waiting = 0 } = await queue.getProperties()
    assert.ok(waiting > count / 4, `${waiting} of ${count} messages wait for jobs of their own service`)
  })
})
