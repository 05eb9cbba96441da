import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { Binding, RegisteredFunction } from '../../src/host/app/functions-core.ts'
import { isDisabled, listTriggers, unservedBindings } from '../../src/host/app/triggers.ts'
import { readHostSettings } from '../../src/host/host-settings.ts'
import { describeSkipped, planBackgroundTriggers } from '../../src/host/plan-background-triggers.ts'
import { poisonQueueName } from '../../src/host/queue/queue-trigger.ts'

const storage = 'AccountName=mine;AccountKey=c2VjcmV0'
const environment = {
  AzureWebJobsStorage: storage,
  AzureWebJobsOther: 'UseDevelopmentStorage=true',
  QUEUE: 'from-setting',
}

function triggersWith(bindings: Record<string, Binding>) {
  const fn: RegisteredFunction = { name: 'f', metadata: { name: 'f', bindings }, handler: () => {} }
  return listTriggers([fn])
}

const plan = (binding: object, settings: NodeJS.ProcessEnv = environment) =>
  planBackgroundTriggers(triggersWith({ trigger: { direction: 'in', ...binding } as Binding }), settings)
const planQueue = (binding: object, settings?: NodeJS.ProcessEnv) =>
  plan({ type: 'queueTrigger', queueName: 'work', ...binding }, settings)

describe('listTriggers', () => {
  const withName = (name: string) => () =>
    listTriggers([
      { name, metadata: { name, bindings: { t: { type: 'timerTrigger', direction: 'in' } } }, handler: () => {} },
    ])

  it.each(['', 'a b', '1a', '-a', 'ä', 'Host', 'a'.repeat(129)])('refuses the name "%s", as Azure does', name => {
    assert.throws(withName(name), {
      name: 'StartupError',
      message: new RegExp(`^function name "${name}" is not valid: `),
    })
  })

  it.each(['a', 'Z9', 'a_b-c', 'hosts', 'a'.repeat(128)])('takes the name "%s"', name => {
    assert.doesNotThrow(withName(name))
  })
})

describe('planBackgroundTriggers', () => {
  it('finds the queue and its account', () => {
    for (const [binding, queueName, account] of [
      [{}, 'work', storage],
      [{ connection: '' }, 'work', storage],
      [{ connection: 'AzureWebJobsStorage' }, 'work', storage],
      [{ connection: 'Storage' }, 'work', storage],
      [{ connection: 'Other' }, 'work', 'UseDevelopmentStorage=true'],
      [{ queueName: '%QUEUE%-x' }, 'from-setting-x', storage],
    ] as const) {
      const [queue] = planQueue(binding).queues
      assert.deepEqual([queue?.queueName, queue?.account], [queueName, account])
    }
  })

  it('finds an account that an identity reaches', () => {
    for (const [settings, account] of [
      [
        { AzureWebJobsStorage__accountName: 'mine', AzureWebJobsStorage__credential: 'managedidentity' },
        { urls: { queue: 'https://mine.queue.core.windows.net' }, isManagedIdentity: true, clientId: undefined },
      ],
      [
        { AzureWebJobsStorage__queueServiceUri: 'https://q.example', AzureWebJobsStorage__clientId: 'some-id' },
        { urls: { queue: 'https://q.example' }, isManagedIdentity: false, clientId: 'some-id' },
      ],
    ] as const) {
      assert.deepEqual(planQueue({}, settings).queues[0]?.account, account)
    }
  })

  it('says why a function does not run when its account is missing, and quotes no value of a setting', () => {
    for (const [binding, settings, skipReason] of [
      [{}, {}, 'AzureWebJobsStorage is not set'],
      [{ connection: 'X' }, environment, 'AzureWebJobsX or X is not set'],
      [{}, { AzureWebJobsStorage: 'AccountKey=c2VjcmV0' }, 'AzureWebJobsStorage is no connection string'],
    ] as const) {
      const { queues, skipReasons } = planQueue(binding, settings)
      assert.deepEqual([queues, skipReasons.get('f')], [[], skipReason])
    }
  })

  it('has one sentence for all functions that do not run for the same reason', () => {
    const skipReasons = new Map([
      ['f', 'AzureWebJobsStorage is not set'],
      ['g', 'AzureWebJobsX or X is not set'],
      ['h', 'AzureWebJobsStorage is not set'],
    ])
    assert.deepEqual(describeSkipped({ ...plan({ type: 'timerTrigger', schedule: '0 0 * * * *' }, {}), skipReasons }), [
      "Functions 'f', 'h' do not run: AzureWebJobsStorage is not set.",
      "Function 'g' does not run: AzureWebJobsX or X is not set.",
    ])
  })

  it('runs a timer without storage', () => {
    const { timers, skipReasons } = plan({ type: 'timerTrigger', schedule: '0 0 * * * *' }, {})
    assert.deepEqual([timers.length, skipReasons.size], [1, 0])
  })

  it.each([
    [{ queueName: '%NONE%' }, {}, 'queueName of function "f" is "%NONE%", and setting NONE is not set'],
    [{ queueName: 'Work' }, {}, /^function "f": queueName is "Work", and must be 3 to 63 characters of/],
    [{ queueName: 'a--b' }, {}, /queueName is "a--b", and must be/],
    [
      {},
      { AzureWebJobsStorage__blobServiceUri: 'https://x' },
      'setting AzureWebJobsStorage__queueServiceUri is not set, and a function with a queue needs it',
    ],
    [
      { connection: 'X' },
      { X__queueServiceUri: 'http://x' },
      /^setting X__queueServiceUri must be an https URL, such as/,
    ],
  ] as const)('refuses %j with the settings %j', (binding, settings, message) => {
    assert.throws(() => planQueue(binding, settings), { name: 'StartupError', message })
  })
})

describe('isDisabled', () => {
  it.each([
    ['true', true],
    ['True', true],
    ['1', true],
    ['false', false],
    ['', false],
    [undefined, false],
  ])('reads AzureWebJobs.<name>.Disabled=%s as Azure does', (value, expected) => {
    assert.equal(isDisabled('job-chunk', { 'AzureWebJobs.job-chunk.Disabled': value }), expected)
  })
})

describe('poisonQueueName', () => {
  it('appends -poison, except to a poison queue or where the name would exceed 63 characters', () => {
    assert.equal(poisonQueueName('work'), 'work-poison')
    assert.equal(poisonQueueName('work-poison'), undefined)
    assert.equal(poisonQueueName('a'.repeat(56)), `${'a'.repeat(56)}-poison`)
    assert.equal(poisonQueueName('a'.repeat(57)), undefined)
  })
})

describe('unservedBindings', () => {
  it('names inputs and outputs that the host does not serve', () => {
    const http = { type: 'httpTrigger', direction: 'in' } as const
    assert.deepEqual(unservedBindings(triggersWith({ http, $return: { type: 'http', direction: 'out' } })), [])
    const others = { out: { type: 'queue', direction: 'out' }, in: { type: 'blob', direction: 'in' } } as const
    assert.deepEqual(unservedBindings(triggersWith({ http, ...others })), [
      "Function 'f' has an output of type queue: nothing is written to it, because this host serves no bindings of HTTP functions.",
      "Function 'f' has an input of type blob: it stays undefined, because this host serves no bindings of HTTP functions.",
    ])
  })
})

describe('readHostSettings', () => {
  it('defaults to the values of the real host', () => {
    const settings = { invisibleMs: 600_000, maxPollingMs: undefined, unreadResponseMs: 60_000 }
    assert.deepEqual(readHostSettings({}), { ...settings, maxBodyBytes: 104_857_600 })
  })

  it('refuses what is not a time in range', () => {
    for (const text of ['1', '2s', '15000.5']) {
      const message = `SCORING_HOST_UNREAD_ANSWER_MS is "${text}", and must be a whole number of milliseconds, 100 to 600000`
      assert.throws(() => readHostSettings({ SCORING_HOST_UNREAD_ANSWER_MS: text }), { name: 'StartupError', message })
    }
  })
})
