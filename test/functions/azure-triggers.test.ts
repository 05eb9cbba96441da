import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type AzureHost, startAzureHost } from '../support/azure-host-process.ts'
import { makeLinkedProject } from '../support/linked-project.ts'

const script = `
  export const init = () => {}
  export const run = text => {
    if (text === 'fail') throw new Error('on purpose')
    return JSON.parse(text)
  }`
const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) } as never

interface Delivered {
  readonly response: {
    readonly returnValue: { readonly string: string }
    readonly outputData: { readonly data: object }[]
  }
  /** What the host logs, when the function has failed. */
  readonly error?: string
}

interface HostState {
  readonly functions: { readonly name: string; readonly bindings: Record<string, { readonly authLevel?: string }> }[]
  readonly settlements: { readonly path: string; readonly message: string }[]
}

interface Sent {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

describe('the triggers of services on the host of Azure', () => {
  let host: AzureHost
  /** What the namespace got over HTTPS. */
  const sent: Sent[] = []
  let status = 201

  beforeAll(async () => {
    const namespace = createServer(async (request, response) => {
      sent.push({ url: request.url, headers: request.headers, body: (await buffer(request)).toString() })
      response.writeHead(status).end()
    })
    await new Promise<void>(listening => namespace.listen(0, '127.0.0.1', listening))
    cleanUps.push(() => namespace.close())
    const { port } = namespace.address() as AddressInfo
    const root = await makeLinkedProject(test, {
      'models/echo/service.json': {
        entryScript: 'score.js',
        triggers: {
          http: { authLevel: 'function' },
          blob: { input: 'requests/{name}', output: 'answers/{name}.json', source: 'eventGrid', connection: 'Lake' },
          queue: { input: 'echo-in', output: 'echo-out' },
          serviceBus: { input: 'bus/in', output: 'bus/out', connection: 'Orders' },
        },
      },
      'models/echo/score.js': script,
    })
    host = await startAzureHost(test, root, {
      environment: {
        AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
        SCORING_WATCH: 'off',
        Orders: `Endpoint=sb://127.0.0.1:${port}/;SharedAccessKeyName=sender;SharedAccessKey=key;UseDevelopmentEmulator=true`,
      },
    })
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const state = async () => (await (await fetch(`${host.url}/test`)).json()) as HostState
  const bindingsOf = async (name: string) => {
    const { functions } = await state()
    const bindings = functions.find(each => each.name === name)?.bindings ?? {}
    // Names that the library makes up.
    return Object.entries(bindings).map(([key, binding]) => [
      key === '$return' ? key : '',
      { ...binding, name: undefined, properties: undefined },
    ])
  }
  const deliver = async (name: string, content: string | Buffer, metadata: Record<string, object>) => {
    const body = JSON.stringify({ content: Buffer.from(content as string).toString('base64'), metadata })
    return (await (await fetch(`${host.url}/test/${name}`, { method: 'POST', body })).json()) as Delivered
  }
  const facts = (more: Record<string, object> = {}) => ({
    MessageId: { string: 'm-1' },
    LockToken: { string: '0b4e7a1c-5d0e-4c53-8d2e-1f9f2d6c7b8a' },
    SequenceNumber: { int: 7 },
    DeliveryCount: { int: 1 },
    EnqueuedTimeUtc: { json: '"2026-11-29T10:00:00Z"' },
    ...more,
  })

  it('have the bindings that its extensions read', async () => {
    const undefinedParts = { name: undefined, properties: undefined }
    const blob = { type: 'blobTrigger', direction: 'in', path: 'requests/{name}', connection: 'Lake' }
    assert.deepEqual(await bindingsOf('blob-trigger-echo'), [
      ['', { ...blob, source: 'EventGrid', dataType: 'binary', ...undefinedParts }],
      [
        '$return',
        { type: 'blob', direction: 'out', path: 'answers/{name}.json', connection: 'Lake', ...undefinedParts },
      ],
    ])
    const connection = 'AzureWebJobsStorage'
    assert.deepEqual(await bindingsOf('queue-trigger-echo'), [
      [
        '',
        {
          type: 'queueTrigger',
          direction: 'in',
          queueName: 'echo-in',
          connection,
          dataType: 'binary',
          ...undefinedParts,
        },
      ],
      ['$return', { type: 'queue', direction: 'out', queueName: 'echo-out', connection, ...undefinedParts }],
      ['', { type: 'queue', direction: 'out', queueName: 'echo-in-poison', connection, ...undefinedParts }],
    ])
    const bus = { type: 'serviceBusTrigger', direction: 'in', queueName: 'bus/in', connection: 'Orders' }
    assert.deepEqual(await bindingsOf('service-bus-trigger-echo'), [
      [
        '',
        {
          ...{ ...bus, dataType: 'binary', cardinality: 'one', isSessionsEnabled: false, autoCompleteMessages: true },
          ...undefinedParts,
        },
      ],
    ])
  })

  it('ask for a key of Azure Functions on every route that scores, and on no other', async () => {
    const { functions } = await state()
    const levels = functions.flatMap(({ name, bindings }) =>
      Object.values(bindings).flatMap(({ authLevel }) => (authLevel ? [[name, authLevel]] : [])),
    )
    assert.deepEqual(
      levels
        .filter(([, level]) => level !== 'anonymous')
        .map(([name, level]) => `${name} ${level}`)
        .sort(),
      [
        'encrypted',
        'encrypted-keys',
        'job',
        'job-cancel',
        'job-output',
        'jobs',
        'open-inference',
        'open-inference-service',
        'score',
        'score-default',
      ].map(name => `${name} function`),
    )
  })

  it('answer a blob with the output, in the type of the blob', async () => {
    const metadata = {
      BlobTrigger: { string: 'requests/a/b.bin' },
      Properties: { json: '{"ContentType": "application/json", "ETag": {}}' },
      name: { string: 'a/b.bin' },
    }
    const { response } = await deliver('blob-trigger-echo', '{"a": 1.0}', metadata)
    assert.deepEqual(response.returnValue, { bytes: '{"a": 1}' })
    const { error } = await deliver('blob-trigger-echo', 'fail', metadata)
    assert.match(error ?? '', /^blob requests\/a\/b\.bin: ENTRY_SCRIPT_FAILED: /)
  })

  it('answer a queue with one message, and put what can never be scored into the poison queue', async () => {
    const scored = await deliver('queue-trigger-echo', '"text"', { Id: { string: 'id-1' } })
    assert.deepEqual(scored.response.returnValue, { string: '{"id": "id-1", "answer": "text"}' })
    assert.deepEqual(scored.response.outputData, [])
    const wrong = await deliver('queue-trigger-echo', Buffer.from('/w==', 'latin1'), { Id: { string: 'id-2' } })
    assert.match(wrong.response.returnValue.string, /^\{"id": "id-2", "error": \{"code": "BODY_NOT_UTF8", "message": "/)
    assert.deepEqual(
      wrong.response.outputData.map(({ data }) => data),
      [{ string: '/w==' }],
    )
  })

  it('send the answer to a message of Service Bus over HTTPS, under the same id each time', async () => {
    for (const _ of [1, 2]) {
      const more = { CorrelationId: { string: 'größe' }, ReplyTo: { string: 'mine' } }
      const { error, response } = await deliver('service-bus-trigger-echo', '[1]', facts(more))
      assert.deepEqual([error, response.outputData], [undefined, []])
    }
    const [first, second] = sent.splice(0)
    assert.equal(first?.url, '/bus/out/messages?api-version=2017-04')
    assert.equal(first?.body, '[1]')
    assert.equal(first?.headers['content-type'], 'application/json')
    const properties = JSON.parse(String(first?.headers.brokerproperties))
    assert.match(properties.MessageId, /^[0-9a-f]{32}$/)
    assert.deepEqual({ ...properties, MessageId: '' }, { MessageId: '', CorrelationId: 'größe', To: 'mine' })
    assert.equal(second?.headers.brokerproperties, first?.headers.brokerproperties)
    const token = new URLSearchParams(String(first?.headers.authorization).replace('SharedAccessSignature ', ''))
    const signed = `${encodeURIComponent(token.get('sr') ?? '')}\n${token.get('se')}`
    assert.equal(token.get('sig'), createHmac('sha256', 'key').update(signed).digest('base64'))
    assert.match(token.get('sr') ?? '', /^http:\/\/127\.0\.0\.1:\d+\/bus\/out$/)
  })

  it('move a message that can never be scored to the dead letters by the gRPC of the host', async () => {
    const done = await deliver('service-bus-trigger-echo', Buffer.from([0xff]), facts())
    assert.equal(done.error, undefined)
    const { settlements } = await state()
    const [{ path, message } = { path: '', message: '' }] = settlements
    assert.equal(path, '/Settlement/Deadletter')
    const text = Buffer.from(message, 'hex').toString('latin1')
    // Field 1 is the lock, 36 bytes; 3 and 4 are messages whose field 1 is a text.
    assert.ok(
      text.startsWith('\n$0b4e7a1c-5d0e-4c53-8d2e-1f9f2d6c7b8a\x1a\x0f\n\rBODY_NOT_UTF8"'),
      JSON.stringify(text),
    )
    const lost = await deliver(
      'service-bus-trigger-echo',
      Buffer.from([0xff]),
      facts({ LockToken: { string: 'lost' } }),
    )
    assert.match(
      lost.error ?? '',
      /^the host did not move the message to the dead letters: status 9 LockToken not found$/,
    )
  })

  it('leave a message whose answer cannot be sent to another try, and one whose answer is too large to nobody', async () => {
    status = 403
    const refused = await deliver('service-bus-trigger-echo', '[1]', facts())
    assert.match(
      refused.error ?? '',
      /^message m-1 of queue bus\/in: its answer was not sent: the queue "bus\/out" answered with status 403: the app needs the role Azure Service Bus Data Sender/,
    )
    status = 413
    const large = await deliver('service-bus-trigger-echo', '[1]', facts())
    assert.equal(large.error, undefined)
    assert.match(
      host.output(),
      /message m-1 of queue bus\/in is moved to the dead letters: ANSWER_TOO_LARGE: The answer has 3 bytes/,
    )
    assert.doesNotMatch(host.output(), /SharedAccessSignature|SharedAccessKey=/)
  })
})
