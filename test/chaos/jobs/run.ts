/**
 * Batch jobs on several hosts over one storage, while hosts, their supervisors, their scoring threads and the storage are killed,
 * hosts are paused, and storage calls fail:
 *
 *     npm run chaos -- --rounds 200 --seed 7 --hosts 2
 *
 * ends with the counts, and with exit code 1 when a promise was broken. `--rounds 1 --first 17 --seed 7` does one of these rounds alone. The seed decides about everything but the
 * instants at which the operating system runs what.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chaos } from './chaos.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    first: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    hosts: { type: 'string', default: '2' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(
    'npm run chaos -- [--rounds N] [--first N] [--seed S] [--hosts N]   (the app has to be built: npm run build)',
  )
  process.exit(0)
}
const numbers = {
  rounds: Number(values.rounds),
  first: Number(values.first),
  seed: Number(values.seed),
  hostCount: Number(values.hosts),
}
for (const [name, number] of Object.entries(numbers)) {
  if (Number.isSafeInteger(number) && number >= (name === 'seed' || name === 'first' ? 0 : 1)) continue
  console.error(`--${name === 'hostCount' ? 'hosts' : name} takes a whole number`)
  process.exit(2)
}

// What was started is ended, also when this is interrupted.
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort())
const folder = await mkdtemp(join(tmpdir(), 'chaos-'))
try {
  const faults = await chaos({ ...numbers, folder, signal: interruption.signal, log: line => console.log(line) })
  process.exitCode = faults.length > 0 ? 1 : 0
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 9 })
}
process.exit() // what an interrupted run still waits for never comes
