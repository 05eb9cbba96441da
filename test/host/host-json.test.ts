import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, it } from 'vitest'
import { formatTimeSpan, parseTimeSpan } from '../../src/host/dotnet-time.ts'
import { type HostJson, readHostJson } from '../../src/host/host-json.ts'

const folder = mkdtempSync(join(tmpdir(), 'host-json-'))
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 9 }))

function read(file: object, isDevelopment = false): HostJson {
  writeFileSync(join(folder, 'host.json'), JSON.stringify({ version: '2.0', ...file }))
  return readHostJson(folder, { isDevelopment, processorCount: 2 })
}

const readQueues = (queues: unknown) => read({ extensions: { queues } }).queues

describe('readHostJson', () => {
  it('has the defaults of the real host', () => {
    const { routePrefix, functionTimeoutMs, queues } = read({ version: '2.0' })
    assert.deepEqual([routePrefix, functionTimeoutMs], ['api', 1_800_000])
    assert.deepEqual(queues, {
      batchSize: 16,
      newBatchThreshold: 16, // half a batch for each of two processors
      maxDequeueCount: 5,
      visibilityTimeoutMs: 0,
      maxPollingIntervalMs: 60_000,
      messageEncoding: 'base64',
    })
    assert.equal(read({}, true).queues.maxPollingIntervalMs, 2000)
  })

  it('refuses another version than 2.0, but no empty object, as Azure does', () => {
    for (const [version, shown] of [
      ['1.0', '"1.0"'],
      [2, '2'],
      [undefined, 'undefined'],
    ] as const)
      assert.throws(() => read({ version, logging: {} }), {
        name: 'StartupError',
        message: `host.json: version is ${shown}, and must be "2.0"`,
      })
    writeFileSync(join(folder, 'host.json'), '{}')
    assert.equal(readHostJson(folder, { isDevelopment: false, processorCount: 2 }).routePrefix, 'api')
  })

  it('returns the values of the file', () => {
    const given = {
      batchSize: 32,
      newBatchThreshold: 0,
      maxDequeueCount: 1,
      visibilityTimeout: '00:00:30',
      maxPollingInterval: '00:00:00.5',
      messageEncoding: 'None',
    }
    assert.deepEqual(readQueues(given), {
      batchSize: 32,
      newBatchThreshold: 0,
      maxDequeueCount: 1,
      visibilityTimeoutMs: 30_000,
      maxPollingIntervalMs: 500,
      messageEncoding: 'none',
    })
    assert.equal(read({ functionTimeout: '-1' }).functionTimeoutMs, undefined)
    assert.equal(read({ functionTimeout: '01:00:00' }).functionTimeoutMs, 3_600_000)
  })

  it.each([
    [{ batchSize: 33 }, 'host.json: extensions.queues.batchSize is 33, and must be a whole number, 1 to 32'],
    [{ batchSize: 0 }, /batchSize is 0/],
    [{ batchSize: '16' }, /batchSize is "16"/],
    [{ newBatchThreshold: -1 }, /newBatchThreshold is -1, and must be a whole number, 0 or more/],
    [{ maxDequeueCount: 0 }, /maxDequeueCount is 0, and must be a whole number, 1 or more/],
    [{ visibilityTimeout: 30 }, /visibilityTimeout is 30, and must be a time "hh:mm:ss", at most 7 days/],
    [{ visibilityTimeout: '8.00:00:00' }, /visibilityTimeout is "8.00:00:00"/],
    [{ maxPollingInterval: '00:00:00.01' }, /maxPollingInterval is .*, and must be a time "hh:mm:ss", at least 100 ms/],
    [{ messageEncoding: 'utf8' }, /messageEncoding is "utf8", and must be "base64" or "none"/],
    [[], /extensions\.queues is \[\], and must be an object/],
  ] as const)('refuses %j and names it', (queues, message) => {
    assert.throws(() => readQueues(queues), { name: 'StartupError', message })
  })

  it.each(['10', '00:00:00', 600, '24:00:00', '-2'])('refuses functionTimeout %j', functionTimeout => {
    assert.throws(() => read({ functionTimeout }), {
      name: 'StartupError',
      message: /^host\.json: functionTimeout is /,
    })
  })
})

describe('parseTimeSpan', () => {
  it('reads days, hours, minutes, seconds and a fraction', () => {
    for (const [text, ms] of [
      ['00:00:02', 2000],
      ['1.02:03:04.5', 93_784_500],
      ['10:30', 37_800_000],
      ['7:0:0', 25_200_000],
    ] as const) {
      assert.equal(parseTimeSpan(text), ms)
    }
    for (const text of ['', '10', '00:60:00', '25:00:00', '-00:01:00', '00:00:01s']) {
      assert.equal(parseTimeSpan(text), undefined)
    }
  })

  it('reads what formatTimeSpan writes', () => {
    assert.equal(formatTimeSpan(600_000), '00:10:00')
    fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 11 }), ms => parseTimeSpan(formatTimeSpan(ms)) === ms))
  })
})
