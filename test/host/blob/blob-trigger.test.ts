import assert from 'node:assert/strict'
import { describe, it, test } from 'vitest'
import { readBlobSettings } from '../../../src/host/blob/blob-settings.ts'
import { parsePattern } from '../../../src/host/blob/blob-trigger.ts'
import { readBusSettings } from '../../../src/host/service-bus/bus-settings.ts'

describe('parsePattern', () => {
  test.each<[path: string, name: string, variables: object | undefined]>([
    ['requests/{name}', 'a/b.json', { name: 'a/b.json' }],
    ['requests/{name}.json', 'a.json', { name: 'a' }],
    ['requests/{name}.json', '.json', undefined],
    ['requests/{name}.json', 'a.jsonx', undefined],
    ['requests/in/{file}.{ending}', 'in/a.b.c', { file: 'a.b', ending: 'c' }],
    ['requests/a+b/{name}', 'aab/x', undefined],
    ['requests/{name}', 'line\nbreak', { name: 'line\nbreak' }],
    ['requests', 'any', { name: 'any' }],
  ])('%s reads %s as %j', (path, name, variables) => {
    assert.deepEqual(parsePattern(path)?.match(name), variables)
  })

  it.each(['Requests/{name}', 'ab/{name}', 'requests/{a}{a}', 'requests/{a', 'requests/}', '/x', 'requests/{}'])(
    'refuses %s',
    path => {
      assert.equal(parsePattern(path), undefined)
    },
  )
})

describe('settings of blobs and Service Bus in host.json', () => {
  it('default to those of the extensions', () => {
    assert.deepEqual(readBlobSettings(undefined, 2), { maxDegreeOfParallelism: 16, poisonBlobThreshold: 5 })
    assert.deepEqual(readBusSettings({}, 2), { maxConcurrentCalls: 32, maxLockRenewalMs: 300_000 })
  })

  it('are refused by name', () => {
    const wrong: [() => unknown, string][] = [
      [
        () => readBlobSettings({ poisonBlobThreshold: 0 }, 1),
        'extensions.blobs.poisonBlobThreshold is 0, and must be a whole number, 1 or more',
      ],
      [() => readBlobSettings([], 1), 'extensions.blobs is [], and must be an object'],
      [
        () => readBusSettings({ maxConcurrentCalls: 1.5 }, 1),
        'extensions.serviceBus.maxConcurrentCalls is 1.5, and must be a whole number, 1 or more',
      ],
      [
        () => readBusSettings({ maxAutoLockRenewalDuration: '5m' }, 1),
        'extensions.serviceBus.maxAutoLockRenewalDuration is "5m", and must be a time "hh:mm:ss"',
      ],
    ]
    for (const [read, message] of wrong) assert.throws(read, { name: 'StartupError', message: `host.json: ${message}` })
  })
})
