/** Events of jobs that have ended, to a receiver over TLS and to a queue. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

interface Received {
  readonly path: string | undefined
  readonly event: { readonly id: string; readonly type: string; readonly data: { readonly status: string } }
  readonly response: ServerResponse
}

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

describe.skipIf(noOpenssl)('onCompleted of a job', () => {
  let app: RunningApp
  let storage: string
  let address: string
  const received: Received[] = []
  let onReceived = () => {}
  /** The next event, which the receiver has not answered yet. */
  const next = async (): Promise<Received> => {
    while (received.length === 0)
      await new Promise<void>(resolve => {
        onReceived = resolve
      })
    return received.shift() as Received
  }
  beforeAll(async () => {
    const { cert, key } = makeCertificates(test)
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
      let text = ''
      for await (const piece of request) text += piece
      received.push({ path: request.url, event: JSON.parse(text), response })
      onReceived()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    address = `localhost:${(server.address() as AddressInfo).port}`
    cleanUps.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    storage = await startStorage(test as never)
    app = await runApp(test as never, undefined, {
      AzureWebJobsStorage: storage,
      NODE_EXTRA_CA_CERTS: cert,
      SCORING_JOB_EVENT_HOSTS: address,
      SCORING_JOB_SWEEP: '* * * * * *',
      SCORING_JOB_STALL_MS: '3000',
    })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const call = async (method: string, path: string, body?: unknown) =>
    fetch(`${app.url}/api/v1/service/iris/jobs${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await app.keyOf('iris')}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const submit = async (jobId: string, onCompleted: object) => {
    const answer = await call('POST', '', { jobId, input: { rows: [[5.1, 3.4, 1.5, 0.2]] }, onCompleted })
    return { ...((await answer.json()) as { code?: string; message?: string }), status: answer.status }
  }

  it('sends a CloudEvent over TLS, again after an answer that is not 2xx, with the same id', async () => {
    assert.equal((await submit('posted', { url: `https://${address}/jobs?sig=SECRET` })).status, 202)
    const first = await next()
    assert.deepEqual(
      [first.path, first.event.type, first.event.data.status],
      ['/jobs?sig=SECRET', 'ScoringFunctions.BatchJob.Completed', 'Completed'],
    )
    first.response.writeHead(503).end()
    const second = await next()
    second.response.writeHead(202).end()
    assert.equal(second.event.id, first.event.id)
    for (;;) {
      const text = await (await call('GET', '/posted')).text()
      assert.doesNotMatch(text, /SECRET/)
      const { event } = JSON.parse(text) as { event?: { attempts: number; deliveredAt?: string } }
      if (event?.deliveredAt) return assert.equal(event.attempts, 2)
      await delay(50)
    }
  })

  it('sends it although the process was killed before it was accepted', async () => {
    assert.equal((await submit('killed', { url: `https://${address}/jobs` })).status, 202)
    const first = await next()
    app.process.kill('SIGKILL')
    await once(app.process, 'exit')
    first.response.destroy()
    app = await app.restart()
    const second = await next()
    second.response.writeHead(200).end()
    assert.equal(second.event.id, first.event.id)
  })

  it('sends it after the job was deleted, and counts the attempts', async () => {
    assert.equal((await submit('deleted', { url: `https://${address}/jobs?sig=SECRET` })).status, 202)
    const first = await next()
    first.response.writeHead(503).end()
    assert.equal((await call('DELETE', '/deleted')).status, 204)
    assert.equal((await call('GET', '/deleted')).status, 404)
    const second = await next()
    second.response.writeHead(202).end()
    assert.deepEqual(
      [second.path, second.event.id, second.event.data.status],
      ['/jobs?sig=SECRET', first.event.id, 'Completed'],
    )
    for (const reason of ['failed', 'delivered']) {
      const counted = new RegExp(
        `^scoring_job_events_total\\{scoring_service="iris",scoring_reason="${reason}"\\} [1-9]`,
        'm',
      )
      while (!counted.test(await (await fetch(`${app.url}/metrics`)).text())) await delay(50)
    }
  })

  it('puts it into a queue', async () => {
    assert.equal((await submit('queued', { queue: 'job-events' })).status, 202)
    const queue = QueueServiceClient.fromConnectionString(storage).getQueueClient('job-events')
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages().catch(() => ({ receivedMessageItems: [] }))
      const [message] = receivedMessageItems
      if (message) return assert.equal(JSON.parse(message.messageText).data.jobId, 'queued')
      await delay(50)
    }
  })

  it('refuses queues and hosts that are not allowed, without repeating the query', async () => {
    for (const [target, code, message] of [
      [{ url: 'https://hooks.example/x?sig=SECRET' }, 'JOB_EVENT_NOT_ALLOWED', /not hooks\.example$/],
      [{ url: 'https://169.254.169.254/x' }, 'JOB_EVENT_NOT_ALLOWED', /SCORING_JOB_EVENT_HOSTS/],
      [{ url: `https://user:SECRET@${address}/x` }, 'JOB_EVENT_NOT_ALLOWED', /user name or password/],
      [{ queue: 'scoring-jobs' }, 'JOB_EVENT_NOT_ALLOWED', /job-events.*not "scoring-jobs"/],
      [{ url: `http://${address}/SECRET` }, 'JOB_INVALID', /onCompleted\.url: must be an https URL/],
      [{ queue: 'job-events', url: `https://${address}/` }, 'JOB_INVALID', /must have one of "queue" and "url"/],
      [{ topic: 'x' }, 'JOB_INVALID', /onCompleted: .*unrecognized "topic"/],
    ] as const) {
      const answer = await submit('refused', target)
      assert.equal(answer.code, code, answer.message)
      assert.match(answer.message ?? '', message)
      assert.doesNotMatch(answer.message ?? '', /SECRET/)
    }
  })
})
