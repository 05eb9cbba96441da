import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it, test } from 'vitest'
import { ScoringError } from '../../src/errors.ts'
import { Deployments } from '../../src/inference/deployments.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import type { InferenceResult } from '../../src/scheduling/inference-result.ts'
import { ScoringMetrics } from '../../src/telemetry/service-metrics.ts'
import type { SpanStart } from '../../src/telemetry/tracing.ts'
import { readBlob, scoreBlob } from '../../src/triggers/score-blob.ts'
import { makeAnswer, scoreBusMessage } from '../../src/triggers/score-bus-message.ts'
import { scoreMessage } from '../../src/triggers/score-message.ts'
import { readQueueMessage, scoreQueueMessage } from '../../src/triggers/score-queue-message.ts'

const blobTrigger = {
  input: 'requests/{name}',
  output: 'answers/{name}',
  connection: 'AzureWebJobsStorage',
  source: 'polling',
} as const
const queueTrigger = { input: 'in', output: 'out', connection: 'AzureWebJobsStorage', contentType: 'application/json' }

describe('readBlob', () => {
  test.each([
    ['requests/a.bin', 'application/json', undefined, 'application/json'],
    ['requests/a.JSON', 'application/octet-stream', undefined, 'application/json'],
    ['requests/a.png', '', undefined, 'image/png'],
    ['requests/a.constructor', '', undefined, 'application/octet-stream'],
    ['requests/a', undefined, undefined, 'application/octet-stream'],
    ['requests/a.json', 'text/plain', 'text/csv', 'text/csv'],
  ])('takes %s of type %s with contentType %s for %s', (blobTriggerPath, contentType, given, expected) => {
    const facts = { blobTrigger: blobTriggerPath, properties: { contentType } }
    const trigger = given === undefined ? blobTrigger : { ...blobTrigger, contentType: given }
    assert.equal(readBlob(new Uint8Array(), facts, trigger, 'id').contentType, expected)
  })
})

describe('readQueueMessage', () => {
  it('gives back what was sent, as text or as base64', () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (body, isPacked) => {
        const bytes = Buffer.from(body)
        // JSON that looks like base64 is a word, or a number: no request has such a body.
        if (/^[A-Za-z0-9+/]*$/.test(body)) return
        const sent = isPacked ? Buffer.from(bytes.toString('base64')) : bytes
        assert.deepEqual(Buffer.from(readQueueMessage(sent, undefined)), bytes)
      }),
    )
  })

  it('does what "encoding" says', () => {
    assert.equal(Buffer.from(readQueueMessage(Buffer.from('abcd'), 'text')).toString(), 'abcd')
    assert.equal(Buffer.from(readQueueMessage(Buffer.from('abcd'), 'base64')).toString('hex'), '69b71d')
  })
})

describe('makeAnswer', () => {
  const answer = { body: Buffer.from('1'), contentType: 'application/json' }
  const facts = { messageId: 'm', sequenceNumber: 7, enqueuedTimeUtc: '2026-11-29T10:00:00+00:00' }
  const idOf = (more: object, service = 's') => makeAnswer(service, 'in', { ...facts, ...more }, answer).messageId

  it('has the same id for each delivery of a message, and another for every other message', () => {
    assert.equal(idOf({ enqueuedTimeUtc: '2026-11-29T10:00:00Z', lockToken: 'x', deliveryCount: 2 }), idOf({}))
    const ids = [
      idOf({}),
      idOf({ messageId: 'n' }),
      idOf({ sequenceNumber: 8 }),
      idOf({}, 't'),
      idOf({ messageId: undefined }),
    ]
    assert.equal(new Set(ids).size, ids.length)
    for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/)
  })

  it('belongs to its request by the correlation id, or else the id of that', () => {
    assert.equal(makeAnswer('s', 'in', { ...facts, correlationId: 'c' }, answer).correlationId, 'c')
    assert.equal(makeAnswer('s', 'in', { ...facts, correlationId: '' }, answer).correlationId, 'm')
    assert.equal(makeAnswer('s', 'in', { ...facts, replyTo: 'r', replyToSessionId: 'z' }, answer).to, 'r')
  })
})

/** Answers without a model. */
class AnsweringService extends ScoringService {
  override async infer(): Promise<InferenceResult> {
    const timings = { queueMs: 0, batchMs: 0, decodeMs: 0, runMs: 0, encodeMs: 0 }
    return { kind: 'encoded', body: '[1]', timings, rowCount: 3 }
  }
}
const parts = { name: 'churn', authorizer: undefined, engine: { kind: 'none', failure: 'none' } } as const

describe('scoreMessage', () => {
  const message = { body: Buffer.from('{}'), contentType: 'application/json', id: 'id', source: 'in' }
  const failing = (error: unknown) => ({
    trigger: 'queue' as const,
    find: async () => {
      throw error
    },
    wait: async () => {},
    now: () => 0,
  })

  test.each([
    ['SERVICE_UNKNOWN', 'failed'],
    ['SERVICE_UNAVAILABLE', 'failed'],
    ['TOO_MANY_WRONG_KEYS', 'failed'],
    ['REQUEST_TIMEOUT', 'failed'],
    ['SCORING_TIMEOUT', 'failed'],
    ['ENTRY_SCRIPT_FAILED', 'failed'],
    ['INPUT_SHAPE_MISMATCH', 'refused'],
    ['BODY_TOO_LARGE', 'refused'],
    ['CONTENT_TYPE_UNSUPPORTED', 'refused'],
    ['DEPLOYMENT_UNKNOWN', 'failed'],
    ['TENSORS_NOT_TAKEN', 'refused'],
  ] as const)('takes %s for %s', async (code, kind) => {
    const outcome = await scoreMessage(message, failing(new ScoringError(code, 'why')))
    assert.equal(outcome.kind, kind)
  })

  it('waits while the service is busy, up to limits.timeoutMs', async () => {
    const definition = ServiceDefinition.parse({ limits: { timeoutMs: 5000 } })
    class BusyService extends ScoringService {
      override async infer(): Promise<never> {
        throw new ScoringError('QUEUE_FULL', 'busy')
      }
    }
    const engine = { kind: 'none', failure: 'none' } as const
    const service = new BusyService({ name: 'busy', definition, authorizer: undefined, engine })
    let now = 0
    const waits: number[] = []
    const wait = async (ms: number) => {
      waits.push(ms)
      now += ms
    }
    const outcome = await scoreMessage(message, { trigger: 'queue', find: async () => service, wait, now: () => now })
    assert.equal(outcome.kind, 'failed')
    assert.deepEqual(waits, [1000, 1000, 1000, 1000, 1000])
  })

  it('chooses a deployment by weight, which counts the message', async () => {
    const definition = ServiceDefinition.parse({})
    const metrics = new ScoringMetrics()
    const deploy = (deployment: string, weight: number) => {
      const own = metrics.ofService('churn', deployment)
      return {
        name: deployment,
        weight,
        mirror: 0,
        service: new AnsweringService({ ...parts, definition, deployment, metrics: own }),
      }
    }
    const points = [0.1, 0.2, 0.3, 0.8]
    const deployments = new Deployments({
      deployments: [deploy('blue', 75), deploy('green', 25)],
      random: () => points.shift() as number,
    })
    const engine = { kind: 'changing', source: deployments } as const
    const service = new ScoringService({ ...parts, definition, engine, deployments })
    const scoring = { trigger: 'queue' as const, find: async () => service, wait: async () => {}, now: () => 0 }
    for (let count = 0; count < 4; count++) {
      const { kind, metrics: counted } = await scoreMessage(message, scoring)
      assert.deepEqual([kind, counted?.attributes['scoring.deployment']], ['answered', count < 3 ? 'blue' : 'green'])
    }
    const counts = metrics.requests.read().filter(({ attributes }) => attributes['scoring.protocol'] === 'queue')
    assert.deepEqual(
      counts.map(({ attributes, value }) => [attributes['scoring.deployment'], value]),
      [
        ['blue', 3],
        ['green', 1],
      ],
    )
  })

  it('records a span that is linked to the one of the sender, as Service Bus names it', async () => {
    const started: [string, SpanStart][] = []
    const attributes: Record<string, unknown> = {}
    const span = {
      context: { traceparent: '' },
      isRecorded: true,
      set: (more: object) => void Object.assign(attributes, more),
      addPast: () => {},
      end: (error?: string) => void Object.assign(attributes, { error }),
    }
    const tracing = {
      start: (name: string, start: SpanStart) => {
        started.push([name, start])
        return span
      },
    }
    const service = new AnsweringService({ ...parts, definition: ServiceDefinition.parse({}), tracing })
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const facts = { messageId: 'm', deliveryCount: 2, applicationProperties: { 'diagnostic-Id': traceparent } }
    const bus = { send: async () => undefined, deadLetter: async () => {} }
    const trigger = { input: 'in', output: 'out', connection: 'AzureWebJobsServiceBus' }
    const scoring = { trigger: 'service-bus' as const, find: async () => service, wait: async () => {}, now: () => 0 }
    await scoreBusMessage('{}', facts, trigger, { ...scoring, service: 'churn', id: 'run', bus, log: () => {} })
    const [[name, { kind, links, attributes: first }] = ['', {} as SpanStart]] = started
    assert.deepEqual([name, kind, links], ['score service-bus', 'consumer', [{ traceparent }]])
    assert.deepEqual(
      { ...first, ...attributes },
      {
        'scoring.service': 'churn',
        'scoring.protocol': 'service-bus',
        'scoring.request.id': 'run',
        'messaging.system': 'servicebus',
        'messaging.destination.name': 'in',
        'messaging.operation.type': 'process',
        'messaging.message.delivery_count': 2,
        'scoring.rows': 3,
        error: undefined,
      },
    )
  })

  it('writes no line of the log that a sender has made up', async () => {
    const lines: string[] = []
    const scoring = {
      ...failing(new ScoringError('BODY_NOT_JSON', 'why')),
      log: (line: string) => void lines.push(line),
    }
    const bus = { send: async () => undefined, deadLetter: async () => {} }
    const trigger = { input: 'in', output: 'out', connection: 'AzureWebJobsServiceBus' }
    const facts = { messageId: 'm\n[iris] ready' }
    await scoreBusMessage('{}', facts, trigger, { ...scoring, trigger: 'service-bus', service: 's', id: 'run', bus })
    await assert.rejects(scoreBlob('', { blobTrigger: 'in/\n\u2028' }, blobTrigger, { ...scoring, id: 'run' }))
    assert.deepEqual(lines, [
      'message "m\\n[iris] ready" of queue in is moved to the dead letters: BODY_NOT_JSON: why',
      'blob "in/\\n\\u2028" cannot be scored, now or later: BODY_NOT_JSON: why',
    ])
  })

  it('leaves a message of a queue to another try, without a stack in its error', async () => {
    const scoring = { ...failing(new ScoringError('SERVICE_UNAVAILABLE', 'not now')), log: () => {} }
    await assert.rejects(scoreQueueMessage('{}', { id: 'id' }, queueTrigger, scoring), (error: Error) => {
      assert.equal(error.stack, 'MessageFailed: message id of queue in: SERVICE_UNAVAILABLE: not now')
      return true
    })
  })
})
