/** `npm run chaos:engine -- --minutes 10 --seed 7`: runs the endurance test for that long and prints what it found. */
import { parseArgs } from 'node:util'
import { endure } from './endurance.ts'
import { violationsOf } from './violations.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } })
const seconds = Number(values.minutes) * 60
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('--minutes takes a positive number, --seed a whole one')

// What a short run holds in memory says nothing.
const isLong = seconds >= 300

const cleanUps: (() => unknown)[] = []
try {
  console.log(`seed ${seed}, ${values.minutes} minutes`)
  const test = { onTestFinished: (cleanUp: unknown) => cleanUps.push(cleanUp as () => unknown) }
  const found = await endure(test as Parameters<typeof endure>[0], {
    seconds,
    warmUpSeconds: Math.max(3, seconds / 10),
    seed,
    isLong,
  })
  console.log({ ...found, counts: { ...found.counts, wrong: found.counts.wrong.length } })
  const violations = violationsOf(found, isLong)
  for (const violation of violations) console.log(`VIOLATION: ${violation}`)
  console.log(violations.length === 0 ? `held, seed ${seed}` : `${violations.length} violations, seed ${seed}`)
  if (violations.length > 0) process.exitCode = 1
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
}
