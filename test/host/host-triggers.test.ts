import assert from 'node:assert/strict'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { type Host, send, spawnHost, startHost } from './host-child.ts'

let connectionString: string
let count = 0
const cleanUps: (() => unknown)[] = []
beforeAll(async () => {
  connectionString = await startStorage({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
})
afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})

/** Settings with a queue of their own; the timer does not fire by default. */
function setUpQueues() {
  const name = `work-${++count}`
  const environment = {
    AzureWebJobsStorage: connectionString,
    WORK_QUEUE: name,
    TICK: '0 0 0 1 1 *',
    SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    SCORING_HOST_QUEUE_INVISIBILITY_MS: '2000',
  }
  const service = QueueServiceClient.fromConnectionString(connectionString)
  return { environment, queue: service.getQueueClient(name), poison: service.getQueueClient(`${name}-poison`) }
}

async function start(test: Cleaner, environment: NodeJS.ProcessEnv, args: string[] = []): Promise<Host> {
  return startHost(test, 'triggers', { args: ['--no-local-settings', ...args], environment })
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const countMessages = async (queue: ReturnType<typeof setUpQueues>['queue']) =>
  (await queue.getProperties()).approximateMessagesCount

/** A message is removed a little after its function has ended. */
async function waitForCount(queue: ReturnType<typeof setUpQueues>['queue'], count: number): Promise<void> {
  while ((await countMessages(queue)) !== count) await new Promise(resolve => setTimeout(resolve, 20))
}

const waitUntilEmpty = (queue: ReturnType<typeof setUpQueues>['queue']) => waitForCount(queue, 0)

// These tests wait more than they compute.
describe('BackgroundTriggers on Azurite', { concurrent: true }, () => {
  describe('queue triggers', { concurrent: true }, () => {
    it('give the function the JSON value or text of a message with its metadata, and delete the message', async test => {
      const { environment, queue } = setUpQueues()
      const host = await start(test, environment, ['--verbose']) // there is no queue yet
      await queue.create()
      for (const text of ['{"A":[1]}', '42', 'true', '"quoted"', 'grüße, no JSON'])
        await queue.sendMessage(base64(text))
      for (const value of ['{"A":[1]}', '42', 'true', '"quoted"', '"grüße, no JSON"']) {
        await host.see(new RegExp(`^got ${RegExp.escape(value)}$`, 'm'))
      }
      const { messageId } = await queue.sendMessage(base64('{"wish":"metadata","Key":1}'))
      const [, text] = await host.see(/^metadata (.*)$/m)
      const { popReceipt, insertionTime, expirationTime, nextVisibleTime, ...metadata } = JSON.parse(text!)
      assert.deepEqual(metadata, { id: messageId, dequeueCount: 1, queueTrigger: { wish: 'metadata', key: 1 } })
      assert.equal(typeof popReceipt, 'string')
      assert.equal(Date.parse(expirationTime) - Date.parse(insertionTime), 7 * 24 * 3600 * 1000)
      assert.match(nextVisibleTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/)
      const reason = `New queue message detected on '${queue.name}'.`
      await host.see(new RegExp(`Executing 'Functions.work' \\(Reason='${RegExp.escape(reason)}', Id=[-0-9a-f]{36}\\)`))
      await host.see(/Executed 'Functions.work' \(Succeeded, Id=[-0-9a-f]{36}, Duration=\d+ms\)/)
      await queue.sendMessage(base64('{"wish":"replace"}'))
      await host.see(/^got \{"replaced":true\}[\s\S]*^after "work"$/m)
      await waitUntilEmpty(queue)
    })

    it('retry what failed, log its error, and pass it to the function of the poison queue in the end', async test => {
      const { environment, queue, poison } = setUpQueues()
      await queue.create()
      await queue.sendMessage(base64('{"wish":"fail"}'))
      await queue.sendMessage('not base64!')
      const host = await start(test, environment)
      await host.see(/^poison \{"wish":"fail"\}$/m)
      assert.equal(host.output.match(/^got /gm)?.length, 2)
      // Errors come by a pipe of their own, and may be read later.
      await host.see(/(?:Executed 'Functions\.work' \(Failed[\s\S]*?it failed on purpose[\s\S]*?){2}/)
      assert.equal(
        host.output.match(/Executed 'Functions.work' \(Failed, .*\)\nError: it failed on purpose\n\s+at /g)?.length,
        2,
      )
      await host.see(/Message \S+ in queue 'work-\d+' is not encoded as base64; it is moved to queue 'work-\d+-poison'/)
      await host.see(/Message \S+ in queue 'work-\d+-poison' is not encoded as base64; there is no poison queue for it/)
      await waitUntilEmpty(queue)
      await waitForCount(poison, 1)
    })

    it('deliver a message again when its host is killed during the run', async test => {
      const { environment, queue } = setUpQueues()
      await queue.create()
      await queue.sendMessage(base64('{"wish":"hang once"}'))
      const first = await start(test, environment)
      await first.see(/^got /m)
      await first.kill()
      const second = await start(test, environment)
      await second.see(/^done /m)
      await waitUntilEmpty(queue)
    })

    it('complete runs in progress before the host ends, and leave the rest in the queue', async test => {
      const { environment, queue } = setUpQueues()
      await queue.create()
      await queue.sendMessage(base64('{"wish":"wait for the end"}'))
      const host = await start(test, environment)
      await host.see(/^got /m)
      await Promise.all([1, 2, 3].map(n => queue.sendMessage(base64(String(n)))))
      host.process.kill('SIGTERM')
      assert.equal(await host.ended(), 0)
      assert.match(host.output, /^done \{/m)
      assert.equal(await countMessages(queue), 3)
    })
  })

  describe('queue triggers with a connection that the client refuses', () => {
    it('do not run, and say why without its values, while the other functions run', async test => {
      const environment = { ...setUpQueues().environment, TICK: '00:00:00.2' }
      const connection = 'AccountName=none;AccountKey=c2VjcmV0;QueueEndpoint=nowhere;'
      const host = await start(test, { ...environment, AzureWebJobsStorage: connection })
      await host.see(/Function 'work' does not run: [A-Z]/)
      await host.see(/Function 'poisoned' does not run: [A-Z]/)
      await host.see(/tick in \d+/)
      assert.doesNotMatch(host.output, /c2VjcmV0|secret/)
    })
  })

  describe('timer triggers', { concurrent: true }, () => {
    it('fire repeatedly, also without storage', async test => {
      const environment = { ...setUpQueues().environment, AzureWebJobsStorage: '', TICK: '* * * * * *' }
      const host = await start(test, environment)
      await host.see(/^tick in \d+ \{"schedule":\{"adjustForDST":true\},"scheduleStatus":null,"isPastDue":false\}$/m)
      await host.see(/(?:^tick[\s\S]*){3}/m)
      host.process.kill('SIGTERM')
      assert.equal(await host.ended(), 0)
    })

    it('fire at the start with runOnStartup', async test => {
      const host = await start(test, { ...setUpQueues().environment, TICK_AT_START: 'yes' })
      await host.see(/^tick in \d+/m)
    })
  })

  describe('FunctionTimeout', () => {
    it('ends the host as crashed when an invocation exceeds it', async test => {
      const { environment, queue } = setUpQueues()
      await queue.create()
      const host = await startHost(test, 'short-timeout', { args: ['--no-local-settings'], environment })
      await queue.sendMessage('plain text')
      assert.equal(await host.ended(), 70)
      const line = /Timeout value of 00:00:00.500 exceeded by function 'Functions.hang' \(Id: '[-0-9a-f]{36}'\)/
      assert.match(host.output, line)
      assert.match(host.output, /^got plain text$/m) // this app has messageEncoding "none"
      const byHttp = await startHost(test, 'short-timeout', { args: ['--no-local-settings'], environment })
      await assert.rejects(send(byHttp, '/api/hang-too'))
      assert.equal(await byHttp.ended(), 70)
    })
  })

  describe('planBackgroundTriggers', () => {
    it('ends the start with one line when a trigger is wrong', async test => {
      const environment = { ...setUpQueues().environment, TICK: '0 0 L * * *' }
      const child = spawnHost(test, 'triggers', ['--no-local-settings'], environment)
      assert.equal(await child.ended(), 1)
      assert.match(
        child.output,
        /^error: function "tick": schedule is "0 0 L \* \* \*", and must be an NCRONTAB expression, .*\n$/,
      )
    })
  })
})
