import type { Authorizer, Caller } from '../../src/auth/authorizer.ts'
import { ServiceKeys } from '../../src/auth/service-keys.ts'
import { MemorySecretStore } from '../support/memory-secret-store.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

export const keyNamed = (name: string) => name.padEnd(32, '.')
export const primary = keyNamed('primary')
export const secondary = keyNamed('secondary')

export function from(address: string): Caller {
  return { clientAddress: () => address, isDryRun: false }
}

/** Keys of services over a vault in memory, in a time that only goes on when it is told to. */
export function setUp(services = ['iris']) {
  const clock = new VirtualClock()
  const store = new MemorySecretStore(clock)
  const lines: string[] = []
  const keys = new ServiceKeys(services, { store, clock, random: () => 0.5, log: line => lines.push(line) })
  for (const service of services) {
    store.put(`${service}-primary-key`, primary)
    store.put(`${service}-secondary-key`, secondary)
  }
  /** `accepted`, or the code of the failure, and how long it took. */
  const show = async (key: string, { service = 'iris', address = '203.0.113.7' } = {}) => {
    const begun = clock.monotonicMs()
    let outcome: string | undefined
    const answer = (async () => keys.authorizer(service).authorize(`Bearer ${key}`, from(address)))()
    answer.then(
      () => {
        outcome = 'accepted'
      },
      (error: { code: string }) => {
        outcome = error.code
      },
    )
    await settle()
    while (outcome === undefined) await clock.advance(50)
    return { outcome, waitedMs: clock.monotonicMs() - begun }
  }
  const outcomeOf = async (key: string, options?: Parameters<typeof show>[1]) => (await show(key, options)).outcome
  return { clock, store, keys, lines, show, outcomeOf, iris: keys.authorizer('iris') as Authorizer }
}
