/** `npm run bench -- <name>`: runs a benchmark and says where it stands against its targets. */
import '../src/adapters/onnxruntime/telemetry-off.ts' // here for the servers in Python too, which get this environment

import { parseArgs } from 'node:util'
import { benchAuth } from './auth/bench.ts'
import { benchColdStart } from './cold-start/bench.ts'
import { benchEncrypted } from './encrypted/bench.ts'
import { benchEngine } from './engine/bench.ts'
import { benchGrpc } from './grpc/bench.ts'
import { benchHttp } from './http/bench.ts'
import { benchJobs } from './jobs/bench.ts'
import { benchJobsScale } from './jobs/scale.ts'
import { type BenchResult, saveResult } from './report/record.ts'
import { benchStart } from './start/bench.ts'

interface Benchmark {
  readonly run: (settings: {
    seconds: number
    rounds: number
    isBuilt: boolean
    isQuick: boolean
  }) => Promise<BenchResult>
  readonly about: string
}

const benchmarks: Record<string, Benchmark> = {
  http: { run: benchHttp, about: 'requests per second against other ways to serve the same model (5 minutes)' },
  engine: { run: benchEngine, about: 'micro-batching, latency against load, overload, memory (10 minutes)' },
  grpc: {
    run: benchGrpc,
    about: 'requests per second over gRPC and HTTP/1.1, against bare Node.js and Python (8 minutes, needs Go)',
  },
  jobs: {
    run: benchJobs,
    about: 'rows per second of batch jobs, what others notice of them, memory by file size (15 minutes, 3 GB of disk)',
  },
  'jobs-scale': {
    run: benchJobsScale,
    about: 'rows per second of a job on 1 to 8 hosts, over a storage that is far away (6 minutes)',
  },
  'cold-start': { run: benchColdStart, about: 'time from process start to the first score, by phase (2 minutes)' },
  start: { run: benchStart, about: 'opening a model, with and without an optimized copy (a minute)' },
  auth: { run: benchAuth, about: 'what it costs to check a key (half a minute)' },
  encrypted: {
    run: benchEncrypted,
    about: 'encrypted scoring against the Python package encrypted-inference (3 minutes, Linux on x64)',
  },
}

const help = `npm run bench -- <name> [options]

${Object.entries(benchmarks)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join('\n')}

  --seconds N  length of a round for each server (3)
  --rounds N   rounds (7)
  --quick      1 second, 2 rounds: whether it works, not how fast
  --no-build   measures the copy of the app that the last run left in bench/.cache/app
  --record     keep the result in bench/results/ and bench/README.md
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean' },
      'no-build': { type: 'boolean' },
      record: { type: 'boolean' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
    },
  })
  const [name] = positionals
  if (values.help) {
    console.log(help)
    return 0
  }
  if (positionals.length !== 1 || !name || !Object.hasOwn(benchmarks, name)) {
    console.error(name ? `there is no benchmark "${positionals.join(' ')}"\n\n${help}` : help)
    return 2
  }
  const settings = {
    seconds: positive('seconds', values.seconds, values.quick ? 1 : 3),
    rounds: positive('rounds', values.rounds, values.quick ? 2 : 7),
    isBuilt: values['no-build'] === true,
    isQuick: values.quick === true,
  }
  const found = await (benchmarks[name] as Benchmark).run(settings)
  console.log(`\n${found.markdown}\n`)
  console.log(`bench/${await saveResult(name, found, values.record === true)}`)
  return 0
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const number = text === undefined ? otherwise : Number(text)
  if (!(number > 0)) throw new Error(`--${name} takes a positive number, not "${text}"`)
  return number
}

try {
  process.exitCode = await main()
} catch (failure) {
  console.error((failure as Error).message)
  process.exitCode = 1
}
