import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'

interface Job {
  readonly jobId: string
  readonly status: string
  readonly createdAt: string
  readonly error?: { readonly code: string }
  readonly output?: { readonly blob: string }
}

it('a blob that a service watches becomes one job, also while a host is killed, and again when it changes', async test => {
  const storage = await startStorage(test)
  const blobs = BlobServiceClient.fromConnectionString(storage)
  await blobs.createContainer('inbox')
  const put = (name: string, text: string) =>
    blobs.getContainerClient('inbox').getBlockBlobClient(name).uploadData(Buffer.from(text))
  await put('before.csv', 'x,y\n1,2\n')
  const customers = blobs.getContainerClient('kunden')
  await customers.create()
  await customers.getBlockBlobClient('mai.csv').uploadData(Buffer.from('x;y\n1,5;-2,25\n'))
  const services = {
    'echo/service.json': { jobs: { watch: 'inbox/*.csv', output: 'results/{name}.csv', overwrite: true } },
    'echo/1/model.onnx': identityModel('float32'),
    'excel/service.json': {
      jobs: { watch: 'kunden/*.csv', input: { delimiter: ';', decimal: ',' }, output: 'results/{name}.csv' },
    },
    'excel/1/model.onnx': identityModel('float32'),
  }
  const environment = {
    AzureWebJobsStorage: storage,
    SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    SCORING_HOST_QUEUE_INVISIBILITY_MS: '3000', // of the messages of the host that is killed
  }
  const app = await runApp(test, services, environment)
  const jobsOf = async (url: string): Promise<Job[]> => {
    const headers = { authorization: `Bearer ${await app.keyOf('echo')}` }
    const answer = await fetch(`${url}/api/v1/service/echo/jobs`, { headers })
    return answer.ok ? ((await answer.json()) as { jobs: Job[] }).jobs : []
  }
  const until = async (url: string, count: number) => {
    for (;;) {
      const jobs = await jobsOf(url)
      if (jobs.length >= count && jobs.every(({ status }) => status === 'Completed' || status === 'Failed')) return jobs
      await delay(50)
    }
  }
  const read = async (name: string) =>
    (await blobs.getContainerClient('results').getBlobClient(name).downloadToBuffer()).toString()
  const [first] = await until(app.url, 1)
  assert.equal(first?.status, 'Completed', JSON.stringify(first))
  assert.match(await read('before.csv'), /\n0,1\.0,2\.0,/)
  await Promise.all(
    ['a.csv', 'b.csv', 'not.json', 'folder/c.csv', '.hidden.csv', '_part.csv'].map((name, at) =>
      put(name, `x,y\n${at},2\n`),
    ),
  )
  app.process.kill('SIGKILL')
  const again = await app.restart()
  assert.equal((await until(again.url, 3)).length, 3)
  await put('a.csv', 'x,y\n7,2\n')
  const jobs = await until(again.url, 4)
  assert.deepEqual(
    jobs.map(({ jobId, status }) => [/^watch-[0-9a-f]{40}$/.test(jobId), status]),
    Array(4).fill([true, 'Completed']),
  )
  assert.match(await read('a.csv'), /\n0,7\.0,2\.0,/)
  await put('wrong.csv', 'x,y\nno,"')
  const failed = (await until(again.url, 5)).find(({ status }) => status === 'Failed')
  assert.equal(failed?.error?.code, 'INPUT_NOT_CSV')
  const results = blobs.getContainerClient('results')
  while (!(await results.getBlobClient('mai.csv').exists())) await delay(50)
  assert.match(await read('mai.csv'), /\n0,1\.5,-2\.25,/)
  const poison = QueueServiceClient.fromConnectionString(storage).getQueueClient('webjobs-blobtrigger-poison')
  assert.equal(await poison.exists(), false)
  assert.match(await readFile(again.keyFile, 'utf8'), /echo/)
})
