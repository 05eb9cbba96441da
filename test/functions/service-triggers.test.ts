import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { ServiceBusClient } from '@azure/service-bus'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { startIdentityEndpoint } from '../support/identity-endpoint.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { type ServiceBusDouble, startServiceBus } from '../support/service-bus-double.ts'
import { skipFor } from '../support/skip-for.ts'
import { SigningKey } from '../support/token-issuer.ts'

/** Answers `{"sum": …}`; the first run of a request with `wish` does what it says. */
const script = `
  import { existsSync, writeFileSync } from 'node:fs'
  export const init = () => {}
  export const run = text => {
    const { data, wish, mark } = JSON.parse(text)
    if (wish === 'fail') throw new Error('on purpose')
    if (wish === 'refuse') return new Response('{"message": "not this row: 17"}', { status: 422, headers: { 'content-type': 'application/json' } })
    if (wish === 'long') return 'x'.repeat(70_000)
    if (wish === 'kill once' && !existsSync(mark)) {
      writeFileSync(mark, '')
      process.kill(process.pid, 'SIGKILL')
    }
    return { sum: data.reduce((a, b) => a + b, 0) }
  }`

/** A namespace without shared keys, which the app reaches with the identity that the platform gives it. */
async function startNamespaceByIdentity(name: string) {
  const { cert, key } = makeCertificates(test)
  const signedBy = new SigningKey('entra')
  const orders = await startServiceBus(test, { entra: { signedBy, cert, key } })
  const { environment } = await startIdentityEndpoint(test, aud => {
    const now = Math.floor(Date.now() / 1000)
    return signedBy.sign({ aud, iat: now, nbf: now - 60, exp: now + 3600 })
  })
  const settings = {
    [`${name}__fullyQualifiedNamespace`]: `localhost:${orders.port}`,
    [`${name}__credential`]: 'managedidentity',
    NODE_EXTRA_CA_CERTS: cert,
    ...environment,
  }
  return { orders, settings }
}

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) } as never

describe('triggers of a service', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  let queues: QueueServiceClient
  let bus: ServiceBusDouble
  let client: ServiceBusClient
  let orders: ServiceBusDouble | undefined

  beforeAll(async () => {
    const storage = await startStorage(test)
    bus = await startServiceBus(test, { lockMs: 3000, maxDeliveryCount: 3, maxMessageBytes: 65_536 })
    blobs = BlobServiceClient.fromConnectionString(storage)
    queues = QueueServiceClient.fromConnectionString(storage)
    client = new ServiceBusClient(bus.connectionString)
    cleanUps.push(() => client.close())
    const byIdentity = noOpenssl ? undefined : await startNamespaceByIdentity('OrdersBus')
    orders = byIdentity?.orders
    await blobs.createContainer('requests')
    await put('before.json', '{"data": [1, 2]}')
    app = await runApp(
      test,
      {
        'sums/service.json': {
          entryScript: 'score.js',
          triggers: {
            blob: { input: 'requests/{name}.json', output: 'answers/{name}.sum.json' },
            queue: { input: 'sum-requests', output: 'sum-answers' },
            serviceBus: { input: 'bus-requests', output: 'bus-answers' },
          },
        },
        'sums/score.js': script,
        // A free thread waits for eight rows, longer than eight messages need.
        'rows/service.json': {
          batching: { maxRows: 8, maxDelayMs: 10_000 },
          triggers: { serviceBus: { input: 'rows-in', output: 'rows-out' } },
        },
        'rows/1/model.onnx': identityModel('float32'),
        'orders/service.json': {
          entryScript: 'score.js',
          triggers: { serviceBus: { connection: 'OrdersBus', input: 'orders', output: 'order-answers' } },
        },
        'orders/score.js': script,
        'split/service.json': {
          deployments: {
            blue: { entryScript: 'blue.js', weight: 50 },
            green: { entryScript: 'green.js', weight: 50 },
            red: { entryScript: 'blue.js', weight: 0, mirror: 100 },
          },
          load: 'onDemand',
          triggers: { queue: { input: 'split-in', output: 'split-out' } },
        },
        'split/blue.js': 'export const init = () => {}; export const run = text => "blue " + text',
        'split/green.js': 'export const init = () => {}; export const run = text => "green " + text',
        // Has the queue of another service, and so none; and one that cannot be read, which stops no other.
        'twice/service.json': {
          entryScript: 'score.js',
          triggers: { queue: { input: 'sum-requests', output: 'other' } },
        },
        'twice/score.js': script,
        // Is no name of a service.
        'x/service.json': { entryScript: 'score.js', triggers: { queue: { input: 'never', output: 'never-out' } } },
        'x/score.js': script,
        'broken/service.json': '{"triggers": {"queue": {"input": "UPPER"}}}',
      },
      {
        AzureWebJobsStorage: storage,
        AzureWebJobsServiceBus: bus.connectionString,
        ...byIdentity?.settings,
        SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
        SCORING_HOST_QUEUE_INVISIBILITY_MS: '3000',
      },
    )
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const put = (name: string, text: string) =>
    blobs.getContainerClient('requests').getBlockBlobClient(name).uploadData(Buffer.from(text))
  const answerBlob = async (name: string, holds: (text: string) => boolean = () => true) => {
    for (;;) {
      const blob = blobs.getContainerClient('answers').getBlockBlobClient(name)
      // In one request: `downloadToBuffer` asks for the length first, which may be that of an earlier answer.
      const body = (await blob.exists()) ? (await blob.download()).readableStreamBody : undefined
      const text = body && (await buffer(body)).toString()
      if (text !== undefined && holds(text)) return text
      await delay(50)
    }
  }
  const send = async (text: string) => {
    const queue = queues.getQueueClient('sum-requests')
    await queue.createIfNotExists()
    return (await queue.sendMessage(text)).messageId
  }
  /** Takes messages from a queue until one has been found. */
  const take = async (name: string, holds: (text: string) => boolean) => {
    const queue = queues.getQueueClient(name)
    for (;;) {
      const { receivedMessageItems = [] } = (await queue.exists())
        ? await queue.receiveMessages({ visibilityTimeout: 1 })
        : {}
      for (const { messageText, messageId, popReceipt } of receivedMessageItems) {
        if (!holds(messageText)) continue
        await queue.deleteMessage(messageId, popReceipt)
        return messageText
      }
      await delay(50)
    }
  }
  const sendToBus = (body: unknown, properties: object = {}) =>
    client.createSender('bus-requests').sendMessages({ body, messageId: randomUUID(), ...properties })
  const refusals = async (trigger: string) => {
    const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
    return page.valueOf('scoring_messages_refused_total', { scoring_service: 'sums', scoring_protocol: trigger })
  }

  it('names those that do not run, and why', () => {
    assert.match(
      app.output(),
      /\[twice\] the trigger "queue" does not run: the queue "sum-requests" has the requests of service "sums"; choose another/,
    )
    assert.match(app.output(), /"x" is not a valid service name/)
    assert.doesNotMatch(app.output(), /queue-trigger-x/)
    assert.match(
      app.output(),
      /\[broken\] not available: broken\/service\.json: triggers\.queue\.input: must be the name of a queue/,
    )
  })

  it('score a blob that was there before, one that comes, and one that changes', async () => {
    assert.equal(await answerBlob('before.sum.json'), '{"sum": 3}')
    await put('folder/new.json', '{"data": [4, 5]}')
    assert.equal(await answerBlob('folder/new.sum.json'), '{"sum": 9}')
    await put('größe %20 #1?&.json', '{"data": [6]}')
    assert.equal(await answerBlob('größe %20 #1?&.sum.json'), '{"sum": 6}')
    await put('folder/new.json', '{"data": [5, 5]}')
    assert.equal(await answerBlob('folder/new.sum.json', text => text !== '{"sum": 9}'), '{"sum": 10}')
  })

  it('write a blob that cannot be scored to the poison queue of the host', async () => {
    await put('wrong.json', '{"data": ')
    const message = await take('webjobs-blobtrigger-poison', text => text.includes('wrong.json'))
    const { ETag, ...rest } = JSON.parse(message)
    assert.match(ETag, /^"?0x/)
    assert.deepEqual(rest, {
      Type: 'BlobTrigger',
      FunctionId: 'Host.Functions.blob-trigger-sums',
      BlobType: 'BlockBlob',
      ContainerName: 'requests',
      BlobName: 'wrong.json',
    })
  })

  it('answer a message of a queue with its id, sent as text or base64', async () => {
    for (const body of ['{"data": [1.0, 2]}', Buffer.from('{"data": [1, 2]}').toString('base64')]) {
      const id = await send(body)
      assert.equal(await take('sum-answers', text => text.includes(id)), `{"id": "${id}", "answer": {"sum": 3}}`)
    }
  })

  it('tell a sender whose answer is too long, and keep the message as poison', async () => {
    const id = await send('{"wish": "long"}')
    const { error } = JSON.parse(await take('sum-answers', text => text.includes(id)))
    assert.equal(error.code, 'ANSWER_TOO_LARGE')
    assert.equal(await take('sum-requests-poison', () => true), '{"wish": "long"}')
    assert.match(
      app.output(),
      new RegExp(
        `\\[sums\\] message ${id} of queue sum-requests goes to sum-requests-poison: ANSWER_TOO_LARGE: The answer has 700\\d\\d bytes`,
      ),
    )
    assert.equal(await refusals('queue'), 1)
  })

  it('tell a sender, and not the log, what the entry script says of a message', async () => {
    const id = await send('{"wish": "refuse"}')
    const { error } = JSON.parse(await take('sum-answers', text => text.includes(id)))
    const message = 'the entry script answered with status 422'
    assert.deepEqual(error, { code: 'ENTRY_SCRIPT_FAILED', message: `${message}: {"message": "not this row: 17"}` })
    assert.match(
      app.output(),
      new RegExp(`message ${id} of queue sum-requests goes to .*: ENTRY_SCRIPT_FAILED: ${message}\n`),
    )
    assert.doesNotMatch(app.output(), /not this row/)
  })

  it('answer a message of Service Bus with its correlation', async () => {
    await sendToBus({ data: [1, 2.5] }, { correlationId: 'mine', replyTo: 'my-queue', messageId: 'first' })
    await sendToBus(Buffer.from('{"data": [3]}'), { messageId: 'second' })
    const { waiting } = bus.queue('bus-answers')
    await bus.until(() => waiting.length === 2)
    const answers = waiting.map(({ message }) => [
      message.correlation_id,
      message.to,
      message.content_type,
      bus.textOf(message),
    ])
    assert.deepEqual(answers.sort(), [
      ['mine', 'my-queue', 'application/json', '{"sum": 3.5}'],
      ['second', undefined, 'application/json', '{"sum": 3}'],
    ])
    waiting.length = 0
  })

  it('receive and answer by the identity of the app where a namespace has no keys', skipFor(noOpenssl), async () => {
    assert(orders)
    orders.put('orders', { body: '{"data": [4, 5]}', message_id: 'by identity' })
    orders.put('orders', { body: '{"data": ', message_id: 'broken' })
    const answers = orders.queue('order-answers').waiting
    const { deadLetters } = orders.queue('orders')
    await orders.until(() => answers.length === 1 && deadLetters.length === 1)
    assert.equal(answers[0]?.message.correlation_id, 'by identity')
    assert.equal(orders.textOf(answers[0].message), '{"sum": 9}')
    assert.equal(deadLetters[0]?.message.message_id, 'broken')
  })

  it('score messages that come together in one run', async () => {
    const runs = async () => {
      const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
      const read = (what: string) => page.valueOf(`scoring_batch_requests_${what}`, { scoring_service: 'rows' }) ?? 0
      return [read('count'), read('sum')] as const
    }
    const [runsBefore, requestsBefore] = await runs()
    const rows = Array.from({ length: 8 }, (_, row) => ({ body: { data: [[row, 1]] }, messageId: `row ${row}` }))
    await client.createSender('rows-in').sendMessages(rows)
    const { waiting } = bus.queue('rows-out')
    await bus.until(() => waiting.length === 8)
    assert.deepEqual(
      waiting.map(({ message }) => `${message.correlation_id}: ${bus.textOf(message)}`).sort(),
      rows.map((_, row) => `row ${row}: [[${row}.0, 1.0]]`),
    )
    const [runsAfter, requestsAfter] = await runs()
    assert.deepEqual([runsAfter - runsBefore, requestsAfter - requestsBefore], [1, 8])
  })

  it('share messages among the deployments of a service, which load with the first, and copy them to others', async () => {
    const queue = queues.getQueueClient('split-in')
    await queue.createIfNotExists()
    const sent = new Map<string, string>()
    for (let row = 0; row < 20; row++)
      sent.set((await queue.sendMessage(JSON.stringify({ row }))).messageId, `{"row":${row}}`)
    const chosen = new Map<string, number>()
    for (const [id, text] of sent) {
      const { answer } = JSON.parse(await take('split-out', found => found.includes(id)))
      const [deployment, ...rest] = answer.split(' ')
      assert.equal(rest.join(' '), text)
      chosen.set(deployment, (chosen.get(deployment) ?? 0) + 1)
    }
    assert.deepEqual([...chosen.keys()].sort(), ['blue', 'green']) // by chance one alone, once in 500,000 times
    const count = async (metric: string, labels: object) => {
      const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
      return page.valueOf(metric, { scoring_service: 'split', ...labels })
    }
    for (const [deployment, messages] of chosen) {
      const labels = { scoring_deployment: deployment, scoring_protocol: 'queue', http_response_status_code: '200' }
      assert.equal(await count('scoring_requests_total', labels), messages)
    }
    const copies = { scoring_deployment: 'red', scoring_reason: 'same' }
    while (!(await count('scoring_mirror_answers_total', copies).catch(() => 0))) {
      await queue.sendMessage('{}')
      await take('split-out', text => text.includes('blue') || text.includes('green'))
    }
  })

  it('move a message that can never be scored to the dead letters, with the reason', async () => {
    await sendToBus(Buffer.from('\xff', 'latin1'), { messageId: 'no UTF-8' })
    await sendToBus({ wish: 'long' }, { messageId: 'long' })
    const { deadLetters, waiting } = bus.queue('bus-requests')
    await bus.until(() => deadLetters.length === 2 && waiting.length === 0)
    const found = Object.fromEntries(deadLetters.map(({ message, reason }) => [String(message.message_id), reason]))
    assert.deepEqual(found, { 'no UTF-8': 'BODY_NOT_UTF8', long: 'ANSWER_TOO_LARGE' })
    assert.equal(await refusals('service-bus'), 2)
    deadLetters.length = 0
  })

  it('leave what failed to another try, until the queue has had enough', async () => {
    await sendToBus({ wish: 'fail' }, { messageId: 'fails' })
    const { deadLetters } = bus.queue('bus-requests')
    await bus.until(() => deadLetters.length === 1)
    assert.equal(deadLetters[0]?.reason, 'MaxDeliveryCountExceeded')
    assert.match(app.output(), /MessageFailed: message fails of queue bus-requests: ENTRY_SCRIPT_FAILED: /)
    deadLetters.length = 0
  })

  it('lose nothing when the process is killed in the middle', async () => {
    const body = { data: [20, 22], wish: 'kill once', mark: `${app.keyFile}.bus` }
    await sendToBus(body, { messageId: 'kills' })
    await new Promise(ended => app.process.once('exit', ended))
    app = await app.restart()
    const answers = bus.queue('bus-answers')
    await bus.until(() => answers.waiting.length > 0)
    assert.deepEqual(
      answers.waiting.map(({ message }) => bus.textOf(message)),
      ['{"sum": 42}'],
    )
    const id = await send(JSON.stringify({ ...body, mark: `${app.keyFile}.queue` }))
    await new Promise(ended => app.process.once('exit', ended))
    app = await app.restart()
    assert.equal(await take('sum-answers', text => text.includes(id)), `{"id": "${id}", "answer": {"sum": 42}}`)
  })
})
