import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BfvClient } from '../../src/encrypted/bfv/client.ts'
import { BfvEngine, checkRequest as checkFast } from '../../src/encrypted/bfv/engine.ts'
import { degree } from '../../src/encrypted/bfv/layout.ts'
import { encodeBinaryReply } from '../../src/encrypted/bfv/wire.ts'
import { checkKeys, checkRequest } from '../../src/encrypted/ckks/check.ts'
import { CkksEngine } from '../../src/encrypted/ckks/engine.ts'
import { Kernel } from '../../src/encrypted/kernel.ts'
import type { LinearWeights } from '../../src/encrypted/linear-weights.ts'
import { prepareApps } from '../http/our-host.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import type { BenchResult } from '../report/record.ts'
import { median, type Ratio, ratioOf } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { type EncryptedCase, encryptedCases, exactScores } from './cases.ts'
import { encryptedChart } from './chart.ts'
import { type Genuine, startGenuine } from './genuine.ts'
import { type HttpLoad, measureHttpLoads } from './http-load.ts'

/** What a request costs, from its text or bytes to those of the answer. */
interface Contender {
  readonly score: () => void
  /** Bytes of a request and of an answer as they are sent. */
  readonly requestBytes: number
  readonly replyBytes: number
  readonly maxError: number
}

const targets = { native: 40, predict: 300, fastMs: 1, fastRequestBytes: 17 * 1024 }
const targetCase = '10x784'

/**
 * `npm run bench -- encrypted`: CPU time of a prediction, ours against the server of the Python package encrypted-inference. In each
 * round all run one after the other, and ratios are taken within a round.
 */
export async function benchEncrypted({
  rounds,
  isBuilt,
  isQuick,
}: {
  rounds: number
  isBuilt: boolean
  isQuick: boolean
}): Promise<BenchResult> {
  const cases = encryptedCases()
  const folder = await mkdtemp(join(tmpdir(), 'bench-encrypted-'))
  const genuine = await startGenuine(folder, cases)
  try {
    const { keyMs, contenders } = await prepare(genuine, cases)
    const results = []
    for (const each of cases) {
      console.error(`${each.name} ...`)
      const { original, fast } = contenders.get(each.name) as Contenders
      const times = { native: [] as number[], predict: [] as number[], original: [] as number[], fast: [] as number[] }
      const predictRounds = isQuick ? 1 : Math.min(rounds, 3) // ten seconds each
      for (let round = 0; round < rounds; round++) {
        times.native.push(await genuine.native(each.name))
        times.original.push(cpuMs(original.score, 10))
        if (fast) times.fast.push(cpuMs(fast.score, 200))
        if (round < predictRounds) times.predict.push(await genuine.predict(each.name))
      }
      results.push(summarize(each, times, original, fast))
    }
    console.error('over HTTP ...')
    await prepareApps(isBuilt)
    const http = await measureHttpLoads(isQuick ? { fast: 1000, original: 20 } : { fast: 10_000, original: 500 })
    const machine = describeMachine()
    const date = new Date().toISOString().slice(0, 10)
    const result = { date, machine, settings: { rounds }, keyMs, targets, results, http }
    return {
      result,
      markdown: `${describe(result, machineLine(machine))}\n\n![CPU time and memory](results/encrypted.svg)`,
      svg: encryptedChart(results, http),
    }
  } finally {
    genuine.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Contenders {
  readonly original: Contender
  readonly fast: Contender | undefined
}

async function prepare(genuine: Genuine, cases: readonly EncryptedCase[]) {
  const engine = new CkksEngine(await Kernel.create())
  let keys = engine.prepareKeys(checkKeys(genuine.keys))
  const keyMs = cpuMs(() => {
    keys = engine.prepareKeys(checkKeys(genuine.keys))
  }, 1)
  const contenders = new Map<string, Contenders>()
  for (const each of cases) {
    const weights = linearWeights(each)
    const model = engine.prepareModel(weights)
    const request = genuine.requests[each.name] as string[]
    let replies: string[] = []
    const score = () => {
      const checked = checkRequest(request, each.features.length)
      replies = engine.score(model, checked, keys).map(reply => Buffer.from(reply).toString('base64'))
    }
    score()
    const original = {
      score,
      requestBytes: JSON.stringify(request).length,
      replyBytes: JSON.stringify(replies).length,
      maxError: largestError(await genuine.decrypt(replies), each),
    }
    contenders.set(each.name, { original, fast: await prepareFast(each, weights) })
  }
  return { keyMs, contenders }
}

/** The fast mode, where the features fit into one polynomial. */
async function prepareFast(each: EncryptedCase, weights: LinearWeights): Promise<Contender | undefined> {
  if (each.features.length > degree) return undefined
  const kernel = await Kernel.create()
  const engine = new BfvEngine(kernel)
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count))
  const client = new BfvClient(kernel, random(64), random)
  const model = engine.prepareModel(weights, each)
  const request = client.encrypt(each.features, model.plan)
  let reply = engine.score(model, checkFast(request, model.parameterId))
  let bytes = new Uint8Array()
  const score = () => {
    reply = engine.score(model, checkFast(request, model.parameterId))
    bytes = encodeBinaryReply(reply, model.plan)
  }
  score()
  const maxError = largestError(Array.from(client.decrypt(reply, model.plan)), each)
  return { score, requestBytes: request.length, replyBytes: bytes.length, maxError }
}

const linearWeights = ({ weights, bias, features }: EncryptedCase): LinearWeights => ({
  weights: Float64Array.from(weights.flat()),
  bias: Float64Array.from(bias),
  featureCount: features.length,
})

const largestError = (scores: readonly number[], each: EncryptedCase) =>
  Math.max(...exactScores(each).map((expected, index) => Math.abs(expected - (scores[index] ?? Number.NaN))))

/** CPU milliseconds of a call, all threads of the process. */
function cpuMs(call: () => unknown, calls: number): number {
  const before = process.cpuUsage()
  for (let count = 0; count < calls; count++) call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / calls
}

type Times = Record<'native' | 'predict' | 'original' | 'fast', number[]>

function summarize({ name, features }: EncryptedCase, times: Times, original: Contender, fast: Contender | undefined) {
  const sizes = ({ requestBytes, replyBytes, maxError }: Contender) => ({ requestBytes, replyBytes, maxError })
  const originalRatios = {
    native: ratioOf(times.native, times.original),
    predict: ratioOf(times.predict, times.original),
  }
  return {
    name,
    featureCount: features.length,
    cpuMs: {
      native: median(times.native),
      predict: median(times.predict),
      original: median(times.original),
      ...(fast && { fast: median(times.fast) }),
    },
    ratios: {
      ...originalRatios,
      ...(fast && {
        nativeToFast: ratioOf(times.native, times.fast),
        predictToFast: ratioOf(times.predict, times.fast),
      }),
    },
    original: sizes(original),
    ...(fast && { fast: sizes(fast) }),
  }
}

function httpRow({ mode, requests, failures, requestsPerSecond, p50Ms, p99Ms, memory }: HttpLoad): string[] {
  const numbers = [requestsPerSecond, p50Ms, p99Ms].map(readable)
  const megabytes = [memory[0], memory.at(-1)].map(each => readable(each?.residentMb))
  return [`${mode} mode`, ...numbers, `${requests}`, `${failures}`, ...megabytes]
}

function describe(
  {
    date,
    settings,
    keyMs,
    results,
    http,
  }: {
    date: string
    settings: { rounds: number }
    keyMs: number
    results: readonly ReturnType<typeof summarize>[]
    http: readonly HttpLoad[]
  },
  machine: string,
): string {
  const times = results.map(({ name, cpuMs: { native, predict, original, fast } }) =>
    [name, predict, native, original, fast].map(cell => (typeof cell === 'string' ? cell : readable(cell))),
  )
  const range = ({ median, lowest, highest }: Ratio) => `${readable(median)} (${readable(lowest)}-${readable(highest)})`
  const ratios = results.flatMap(({ name, ratios, cpuMs: { fast }, fast: fastSizes }) => {
    const isTarget = name === targetCase
    const isMet = (value: boolean) => (isTarget ? verdict(value) : '')
    const rows = [
      [
        `${name}: native / original mode`,
        range(ratios.native),
        isTarget ? `≥ ${targets.native}` : '',
        isMet(ratios.native.median >= targets.native),
      ],
      [
        `${name}: EIServer.predict / original mode`,
        range(ratios.predict),
        isTarget ? `≥ ${targets.predict}` : '',
        isMet(ratios.predict.median >= targets.predict),
      ],
    ]
    if (fast === undefined || !fastSizes) return rows
    const size = fastSizes.requestBytes
    return [
      ...rows,
      [`${name}: fast mode, CPU ms`, readable(fast), `≤ ${targets.fastMs}`, verdict(fast <= targets.fastMs)],
      [
        `${name}: fast mode, bytes of a request`,
        `${size}`,
        `≤ ${targets.fastRequestBytes}`,
        verdict(size <= targets.fastRequestBytes),
      ],
    ]
  })
  const sizes = results.flatMap(({ name, original, fast }) =>
    [{ mode: 'original', ...original }, ...(fast ? [{ mode: 'fast', ...fast }] : [])].map(each => [
      `${name}, ${each.mode} mode`,
      readable(each.requestBytes / 1024),
      readable(each.replyBytes / 1024),
      each.maxError.toExponential(1),
    ]),
  )
  return [
    `${date}, ${settings.rounds} rounds. ${machine}. Keys of a client of the original mode: ${readable(keyMs)} ms, once.`,
    markdownTable(
      ['CPU ms a prediction', 'EIServer.predict', 'its native code', 'ours, original mode', 'ours, fast mode'],
      times,
      1,
    ),
    markdownTable(['Ratio or size', 'Median (range)', 'Target', ''], ratios, 1),
    'Over HTTP, 16 connections, best of rounds of 5 s; memory of the app after the first round and after all requests:',
    markdownTable(
      ['10x64', 'Requests/s', 'p50 ms', 'p99 ms', 'Requests', 'Failed', 'MiB at first', 'MiB in the end'],
      http.map(httpRow),
      1,
    ),
    markdownTable(['As sent', 'Request, KiB', 'Reply, KiB', 'Largest error'], sizes, 1),
  ].join('\n\n')
}
