/**
 * Mutated requests of both modes of encrypted scoring, mutated public keys and bombs, over HTTP:
 *
 *     npm run fuzz:encrypted -- --count 100000 --seed 7
 *
 * ends with the answers by kind and status, latencies and memory, and with exit code 1 when one of them was not refused with a 4xx and
 * was no valid request either, or when the app has suffered.
 */
import { parseArgs } from 'node:util'
import { runEncryptedApp } from '../../support/encrypted-app.ts'
import { runMutations } from './run-mutations.ts'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const [count, seed] = [Number(values.count), Number(values.seed)]
if (!(Number.isInteger(count) && count > 0) || !Number.isInteger(seed))
  throw new Error('--count and --seed take whole numbers')

/** Over what it held after the first tenth. */
const maxGrowth = 1.2

const cleanUps: (() => unknown)[] = []
try {
  const running = await runEncryptedApp({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
  const found = await runMutations(running, { count, seed, log: line => console.log(line) })
  console.table(found.answers)
  console.log({ latencyMs: found.latencyMs, slowestMs: found.slowestMs, firstMb: found.firstMb, lastMb: found.lastMb })
  const { firstMb = 1, lastMb = 1 } = found
  // What few requests leave in memory says nothing.
  const hasGrown = count >= 20_000 && lastMb > maxGrowth * firstMb
  if (hasGrown) console.log(`VIOLATION: memory grew from ${firstMb} to ${lastMb} MiB`)
  const violations = found.violations.length + Number(hasGrown)
  console.log(violations === 0 ? `held, seed ${seed}` : `${violations} violations, seed ${seed}`)
  if (violations > 0) process.exitCode = 1
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
}
