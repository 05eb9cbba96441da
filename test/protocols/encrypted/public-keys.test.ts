import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { preparedKeyBytes } from '../../../src/encrypted/ckks/prepared-keys.ts'
import type { ScoringService } from '../../../src/inference/scoring-service.ts'
import { PublicKeys } from '../../../src/protocols/encrypted/public-keys.ts'
import { encodePrometheus } from '../../../src/protocols/ops/prometheus-text.ts'
import type { InferenceRequest } from '../../../src/scheduling/inference-request.ts'
import { ScoringMetrics } from '../../../src/telemetry/service-metrics.ts'
import { PrometheusPage } from '../../support/prometheus-page.ts'

const timings = { queueMs: 0, batchMs: 0, decodeMs: 0, runMs: 0, encodeMs: 0 }

/** Storage and a service that count what they are asked; a worker "prepares" keys by writing the first byte of the blob. */
function open({ entries = 8 } = {}) {
  const stored = new Map<string, { bytes: Uint8Array; etag: string }>()
  const counts = { head: 0, read: 0, prepared: 0 }
  let now = 0
  const metrics = new ScoringMetrics()
  const service = (name: string) => {
    const own = metrics.ofService(name)
    own.takesPublicKeys()
    return {
      name,
      metrics: own,
      submitOwn: async ({ body, details }: InferenceRequest) => {
        counts.prepared++
        if (body[0] === 0) return { kind: 'failure', code: 'INPUT_INVALID', message: 'the public keys: no.' }
        const encrypted = details?.encrypted as { target: SharedArrayBuffer }
        new Uint8Array(encrypted.target)[0] = body[0] as number
        return { kind: 'encoded', body: '', timings, rowCount: 1 }
      },
    } as unknown as ScoringService
  }
  const keys = new PublicKeys({
    blobs: {
      head: async id => {
        counts.head++
        const found = stored.get(id)
        return found && { bytes: found.bytes.length, etag: found.etag }
      },
      read: async (id, etag) => {
        counts.read++
        const found = stored.get(id)
        return found?.etag === etag ? found.bytes.slice() : undefined
      },
      create: async (id, bytes) => {
        if (stored.has(id)) return false
        stored.set(id, { bytes, etag: 'new' })
        return true
      },
    },
    maxBytes: entries * preparedKeyBytes,
    now: () => now,
  })
  return {
    ...{ keys, counts, stored, service },
    wait: (ms: number) => {
      now += ms
    },
    page: () => {
      const page = new PrometheusPage(encodePrometheus(metrics.families))
      const read = (name: string, service: string, more = {}) =>
        page.valueOf(name, { scoring_service: service, ...more })
      const lookups = (service: string) => {
        const of = (reason: string) => read('scoring_public_keys_lookups_total', service, { scoring_reason: reason })
        return { hit: of('hit'), miss: of('miss') }
      }
      return { read, lookups }
    },
    put: (id: string, value: number, etag: string) => stored.set(id, { bytes: Uint8Array.of(value), etag }),
  }
}

const first = (keys: SharedArrayBuffer) => new Uint8Array(keys)[0]

describe('PublicKeys', () => {
  it('reads keys once, however many ask at a time', async () => {
    const { keys, counts, service, put } = open()
    put('a', 7, '1')
    const found = await Promise.all([1, 2, 3].map(() => keys.find(service('s'), 'a')))
    assert.deepEqual(found.map(first), [7, 7, 7])
    await keys.find(service('s'), 'a')
    assert.deepEqual(counts, { head: 1, read: 1, prepared: 1 })
    assert.equal(keys.bytes, preparedKeyBytes)
  })

  it('keeps the keys of services apart', async () => {
    const { keys, counts, service, put } = open()
    put('a', 7, '1')
    await keys.find(service('s'), 'a')
    await keys.find(service('t'), 'a')
    assert.equal(counts.prepared, 2)
  })

  it('asks after a minute whether they are the same, and reads them again if not', async () => {
    const { keys, counts, service, put, stored, wait } = open()
    put('a', 7, '1')
    await keys.find(service('s'), 'a')
    wait(60_000)
    await keys.find(service('s'), 'a')
    assert.deepEqual(counts, { head: 2, read: 1, prepared: 1 })
    put('a', 8, '2')
    wait(60_000)
    assert.equal(first(await keys.find(service('s'), 'a')), 8)
    stored.clear()
    wait(60_000)
    await assert.rejects(keys.find(service('s'), 'a'), { code: 'PUBLIC_KEYS_UNKNOWN' })
    assert.equal(keys.bytes, 0)
  })

  it('forgets those used longest ago', async () => {
    const { keys, counts, service, put } = open({ entries: 2 })
    for (const id of ['a', 'b', 'c']) put(id, 1, id)
    await keys.find(service('s'), 'a')
    await keys.find(service('s'), 'b')
    await keys.find(service('s'), 'a')
    await keys.find(service('s'), 'c')
    assert.equal(keys.bytes, 2 * preparedKeyBytes)
    await keys.find(service('s'), 'a')
    assert.equal(counts.prepared, 3)
    await keys.find(service('s'), 'b')
    assert.equal(counts.prepared, 4)
  })

  it('refuses keys that are too large before they are read, and names what a worker refuses', async () => {
    const { keys, counts, service, put, stored } = open()
    stored.set('a', { bytes: new Uint8Array(11_000_001), etag: '1' })
    await assert.rejects(keys.find(service('s'), 'a'), { code: 'INPUT_INVALID', message: /11000001 bytes/ })
    assert.equal(counts.read, 0)
    put('b', 0, '1')
    await assert.rejects(keys.find(service('s'), 'b'), { code: 'INPUT_INVALID', message: 'the public keys: no.' })
    put('b', 1, '2')
    await keys.find(service('s'), 'b')
  })

  it('reads the keys of a few callers at a time', async () => {
    const { keys, service } = open()
    const all = Array.from({ length: 9 }, (_, index) => {
      try {
        return keys.find(service('s'), `id${index}`).then(
          () => '',
          ({ code }) => code,
        )
      } catch (refusal) {
        return (refusal as { code: string }).code
      }
    })
    assert.deepEqual(await Promise.all(all), [...Array(8).fill('PUBLIC_KEYS_UNKNOWN'), 'QUEUE_FULL'])
  })

  it('stores what a worker could prepare, once', async () => {
    const { keys, service, stored } = open()
    const s = service('s')
    const store = (keyId: string, read: () => Promise<Uint8Array>) => keys.store(s, { keyId, caller: 'c' }, read)
    await store('a', async () => Uint8Array.of(5))
    await assert.rejects(
      store('a', async () => assert.fail('it is not read')),
      { code: 'PUBLIC_KEYS_EXIST' },
    )
    await assert.rejects(
      store('b', async () => Uint8Array.of(0)),
      { code: 'INPUT_INVALID' },
    )
    assert.deepEqual([...stored.keys()], ['a'])
  })

  it('counts what it did for each service', async () => {
    const { keys, service, put, wait, page } = open({ entries: 2 })
    for (const id of ['a', 'b', 'c']) put(id, 1, id)
    const [s, t] = [service('s'), service('t')]
    await keys.find(s, 'a')
    await keys.find(s, 'a')
    await keys.find(t, 'b')
    await keys.find(t, 'c') // which takes the place of a
    wait(60_000)
    await keys.find(t, 'c') // which the storage is asked about
    await assert.rejects(keys.find(s, 'unknown'))
    const of = (name: string) => {
      const { read } = page()
      return ['s', 't'].map(each => read(name, each))
    }
    assert.deepEqual(of('scoring_public_keys'), [0, 2])
    assert.deepEqual(of('scoring_public_keys_held_bytes'), [0, 2 * preparedKeyBytes])
    assert.deepEqual(of('scoring_public_keys_evictions_total'), [1, 0])
    const { lookups } = page()
    assert.deepEqual(lookups('s'), { hit: 1, miss: 2 })
    assert.deepEqual(lookups('t'), { hit: 0, miss: 3 })
  })

  it('reads refused keys again only when they are others', async () => {
    const { keys, counts, service, put } = open()
    put('a', 0, '1')
    for (let times = 0; times < 3; times++)
      await assert.rejects(keys.find(service('s'), 'a'), { code: 'INPUT_INVALID', message: 'the public keys: no.' })
    assert.deepEqual([counts.read, counts.prepared], [1, 1])
    put('a', 1, '2')
    assert.equal(first(await keys.find(service('s'), 'a')), 1)
  })
})
