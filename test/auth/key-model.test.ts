import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { KeyType } from '../../src/auth/key-names.ts'
import { keyNamed, setUp } from './key-fixture.ts'

const [second, minute, hour] = [1000, 60_000, 3_600_000]
const soft = 5 * minute
const hard = 24 * hour

/** The content of a secret during a span of time. */
interface Held {
  readonly type: KeyType
  until: number
  readonly key: string | undefined
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
}

/**
 * The history of the vault, to compare with the keys that the app accepts. It models no reads, rate limits or back-off: only
 * what was true when, and for how long a cached value may be trusted.
 */
class Model {
  readonly app = setUp()
  readonly past: Held[] = []
  #count = 0
  #goodSince = 0
  /** Addresses are not the subject here: each request has its own. */
  #address = 0

  constructor() {
    for (const type of ['primary', 'secondary'] as const) this.write(type, {})
  }

  get now(): number {
    return this.app.clock.monotonicMs()
  }

  current(type: KeyType): Held {
    return this.past.findLast(held => held.type === type) as Held
  }

  write(type: KeyType, limits: { notBefore?: number; expiresAt?: number }): void {
    const key = keyNamed(`${type}-${++this.#count}`)
    const { wallOffset } = this.app.clock
    const at = (ms: number | undefined) => (ms === undefined ? undefined : wallOffset + this.now + ms)
    const dates = { notBefore: at(limits.notBefore), expiresAt: at(limits.expiresAt) }
    this.app.store.put(`iris-${type}-key`, key, dates)
    this.#note(type, { key, ...dates })
  }

  remove(type: KeyType, isDisabled: boolean): void {
    if (isDisabled) this.app.store.put(`iris-${type}-key`, keyNamed('disabled'), { isEnabled: false })
    else this.app.store.delete(`iris-${type}-key`)
    this.#note(type, { key: undefined, notBefore: undefined, expiresAt: undefined })
  }

  vault(state: 'up' | 'down' | 'hanging'): void {
    if (state === 'up' && this.app.store.state !== 'up') this.#goodSince = this.now
    this.app.store.state = state
  }

  /** Shows a key that was once written, and checks the answer against what was true. */
  async show(held: Held): Promise<void> {
    const key = held.key ?? keyNamed('disabled')
    const begun = this.now
    const { outcome, waitedMs } = await this.#ask(key)
    assert.ok(waitedMs <= 2 * second, `waited ${waitedMs} ms`)
    if (outcome === 'accepted') {
      const isVaultGood = this.app.store.state === 'up' && begun - this.#goodSince > soft
      const believed = begun - (isVaultGood ? soft : hard)
      assert.ok(this.#counts(held) && held.until >= believed, `${key} opened ${this.now - held.until} ms after its end`)
      return
    }
    if (!this.#counts(held) || held !== this.current(held.type) || this.app.store.state !== 'up') return
    // A valid key may come right after a forced read, or during one that hangs; the next forced read finds it.
    await this.app.clock.advance(10 * second)
    if (this.#counts(held))
      assert.equal((await this.#ask(key)).outcome, 'accepted', `${key} is valid, after ${outcome}`)
  }

  async #ask(key: string): Promise<{ outcome: string; waitedMs: number }> {
    const n = ++this.#address
    return this.app.show(key, { address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` })
  }

  #counts({ key, notBefore = -Infinity, expiresAt = Infinity }: Held): boolean {
    const wall = this.app.clock.wallMs()
    return key !== undefined && wall >= notBefore && wall < expiresAt
  }

  #note(type: KeyType, held: Pick<Held, 'key' | 'notBefore' | 'expiresAt'>): void {
    const last = this.past.findLast(each => each.type === type)
    if (last) last.until = this.now
    this.past.push({ type, until: Infinity, ...held })
  }
}

type Step = (model: Model) => Promise<void> | void

const type = fc.constantFrom<KeyType>('primary', 'secondary')
const span = fc.oneof(
  fc.integer({ min: 1, max: 2 * second }),
  fc.integer({ min: 1, max: 30 * second }),
  fc.integer({ min: 1, max: 10 * minute }),
  fc.integer({ min: 1, max: 30 * hour }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: span.map(
      (ms): Step =>
        model =>
          model.app.clock.advance(ms),
    ),
  },
  {
    weight: 3,
    arbitrary: type.map(
      (which): Step =>
        model =>
          model.show(model.current(which)),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.nat().map(
      (n): Step =>
        model =>
          model.show(model.past[n % model.past.length] as Held),
    ),
  },
  {
    weight: 3,
    arbitrary: type.map(
      (which): Step =>
        model =>
          model.write(which, {}),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(type, fc.option(span, { nil: undefined }), fc.option(span, { nil: undefined })).map(
      ([which, notBefore, expiresAt]): Step =>
        model =>
          model.write(which, { notBefore, expiresAt }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(type, fc.boolean()).map(
      ([which, isDisabled]): Step =>
        model =>
          model.remove(which, isDisabled),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('up', 'up', 'down', 'hanging').map(
      (state): Step =>
        model =>
          model.vault(state as 'up'),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: -40 * hour, max: 40 * hour }).map(
      (ms): Step =>
        model => {
          model.app.clock.wallOffset += ms
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 300, 1500).map(
      (ms): Step =>
        model => {
          model.app.store.latencyMs = ms
        },
    ),
  },
  {
    weight: 1,
    arbitrary: type.map(
      (which): Step =>
        model =>
          model.app.keys.keysChanged(`iris-${which}-key`),
    ),
  },
)

describe('ServiceKeys, whatever happens to the vault and the clock', () => {
  it('accepts a key only while its cached value may be trusted, and always when it is valid and the vault answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async steps => {
        const model = new Model()
        model.app.keys.load()
        for (const each of steps) await each(model)
        model.app.keys.stop()
      }),
      { numRuns: 400 },
    )
  })
})
