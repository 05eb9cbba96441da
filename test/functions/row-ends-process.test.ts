/** A row of a batch job that ends the process of the app, on a supervised host, where neither the sweeper nor ten minutes help. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { superviseHost } from '../../src/host/supervisor.ts'
import { chaosServices, killingValue } from '../chaos/jobs/services.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

describe('a row that ends the process', () => {
  const lines: string[] = []
  const stop = new AbortController()
  let jobs = ''
  beforeAll(async () => {
    const appRoot = await copyOfApp(test as never)
    const listening = Promise.withResolvers<string>()
    const ended = superviseHost({
      entry: pathToFileURL('dist/host-process.cjs'),
      args: ['--app', appRoot],
      port: 0,
      environment: {
        PATH: process.env.PATH,
        AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
        AzureWebJobsStorage: await startStorage(test as never),
        SCORING_JOB_SWEEP: '0 0 0 1 1 *',
        SCORING_MODELS: await makeServices(chaosServices, test as never),
      },
      onListening: ({ url }) => listening.resolve(url),
      log: line => lines.push(line),
      stopSignal: stop.signal,
    })
    cleanUps.push(async () => {
      stop.abort()
      await ended
    })
    jobs = `${await listening.promise}/api/v1/service/sum/jobs`
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const send = (path: string, body?: object) =>
    fetch(jobs + path, {
      ...(body && { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
  /** undefined: the host is just being restarted. */
  const statusOf = async (jobId: string) => {
    const answer = await send(`/${jobId}`).catch(() => undefined)
    return answer?.ok ? ((await answer.json()) as { status: string; progress: object }) : undefined
  }

  it('is found with the third end, and the other rows are scored', async () => {
    const rows = Array.from({ length: 2000 }, (_, row) => [row === 1234 ? killingValue : row, 1, 1])
    assert.equal((await send('', { jobId: 'deadly', input: { rows } })).status, 202)
    let job = await statusOf('deadly')
    while (job?.status !== 'Completed') {
      await delay(100)
      job = await statusOf('deadly')
    }
    const text = await (await send('/deadly/output')).text()
    const output = text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
    assert.deepEqual(
      output.map(({ index, prediction, error }) => [index, prediction ?? error.code]),
      rows.map(([value = 0], row) => [row, row === 1234 ? 'ROW_ENDED_PROCESS' : value + 2]),
    )
    assert.deepEqual(lines, Array(3).fill('The host crashed (SIGKILL); restarting it at once.'))
  })
})
