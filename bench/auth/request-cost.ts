import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/adapters/local/system-clock.ts'
import type { SecretStore } from '../../src/auth/secret-store.ts'
import { ServiceKeys } from '../../src/auth/service-keys.ts'
import type { Cost } from './bench.ts'

const batch = 1000

/** Microseconds that authorization adds to one request; the cases take turns within a round. */
export async function requestCosts({ seconds, rounds }: { seconds: number; rounds: number }): Promise<Cost[]> {
  const [primary, secondary] = [makeKey(), makeKey()]
  const keys = new ServiceKeys(['iris'], {
    store: storeOf(primary, secondary),
    clock: systemClock,
    random: () => 0.5,
    log,
  })
  await keys.load()
  const iris = keys.authorizer('iris')
  let address = 0
  const caller = { clientAddress: () => `10.0.${(address >> 8) & 255}.${address++ & 255}`, isDryRun: false }
  const authorizeWith = (key: string) => {
    const header = `Bearer ${key}`
    return async () => {
      for (let n = 0; n < batch; n++) iris.authorize(header, caller)
    }
  }
  const refuse = async () => {
    for (let n = 0; n < batch; n++) await Promise.resolve(iris.authorize('Bearer wrong', caller)).catch(() => {})
  }
  const cases = [
    { what: 'a request with the primary key', run: authorizeWith(primary), target: 20 },
    { what: 'a request with the secondary key', run: authorizeWith(secondary), target: 20 },
    { what: 'a request with a wrong key, refused', run: refuse },
  ]
  for (const { run } of cases) await run()
  const costs = cases.map(({ what, target }) => ({ what, unit: 'µs' as const, target, rounds: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    for (const [index, { run }] of cases.entries()) {
      costs[index]?.rounds.push(await microsecondsOf(run, (seconds * 1000) / cases.length))
    }
  }
  keys.stop()
  return costs
}

async function microsecondsOf(run: () => Promise<void>, forMs: number): Promise<number> {
  const startedAt = performance.now()
  let count = 0
  let elapsed = 0
  while (elapsed < forMs) {
    await run()
    count += batch
    elapsed = performance.now() - startedAt
  }
  return (elapsed * 1000) / count
}

function storeOf(primary: string, secondary: string): SecretStore {
  return {
    fetchSecret: async name => ({
      value: name.endsWith('-primary-key') ? primary : secondary,
      version: '1',
      isEnabled: true,
      notBefore: undefined,
      expiresAt: undefined,
    }),
    writeSecret: async () => {
      throw new Error('this store is read-only')
    },
  }
}

function makeKey(): string {
  return randomBytes(32).toString('base64url')
}

function log(line: string): void {
  console.error(line)
}
