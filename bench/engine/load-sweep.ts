/** How long answers take as the load grows, up to four times what the service can do. */
import { prepare, type Runner, type Settings } from '../http/contest.ts'
import { ServerProcess } from '../http/server-process.ts'
import { encodeRequest, type LoadGenerator } from '../load/load-generator.ts'
import type { OpenLoadResult } from '../load/load-job.ts'
import { median, type Ratio, ratioOf } from '../report/statistics.ts'
import { contendersOf } from './contenders.ts'
import type { Workload } from './workloads.ts'

/** Of the capacity. */
export const loadShares = [0.25, 0.5, 0.9, 4]
const overload = 4
/** Callers that find out what the service can do: enough to keep it busy, and none that it would refuse. */
const callers = { ofMost: 64, ofSlow: 4 }
/** Long enough for the queue to fill, under overload. */
const rampSeconds = 1
/** The longest wait that a request may expect when it is admitted: otherwise an overload would end only after minutes. */
const limits = { maxQueueWaitMs: 1000 }

/** One service under one load. */
export interface LoadPoint {
  readonly share: number
  /** Undefined: the generator could not send that load in any round. */
  readonly measured: MeasuredPoint | undefined
  /** What the generator was asked for. */
  readonly requestsPerSecond: number
}

/** Medians of the rounds; counts are sums. */
export interface MeasuredPoint {
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly offered: number
  readonly accepted: number
  readonly refused: number
  readonly expired: number
  readonly failures: number
  readonly refusalP99Ms: number | undefined
  /** How late the generator itself was. */
  readonly lagP99Ms: number
  /** Accepted requests per second, by the capacity of the same round. */
  readonly acceptedByPeak: Ratio
}

export interface LoadCurve {
  readonly title: string
  readonly server: string
  /** Requests per second of callers that wait for their answers. */
  readonly capacity: number
  readonly points: readonly LoadPoint[]
}

interface Round {
  readonly capacity: number
  readonly loads: readonly OpenLoadResult[]
}

export async function sweepLoad(
  generator: LoadGenerator,
  workload: Workload,
  { seconds, rounds }: Pick<Settings, 'seconds' | 'rounds'>,
): Promise<LoadCurve[]> {
  const servers: ServerProcess[] = []
  const runners: Runner[] = []
  try {
    for (const contender of await contendersOf(workload, { limits })) {
      const server = await ServerProcess.start(contender.command)
      servers.push(server)
      runners.push(await prepare(contender, server, () => true))
    }
    const results = new Map(runners.map(({ name }) => [name, [] as Round[]]))
    for (const runner of runners) await capacityOf(generator, workload, runner, Math.min(2, seconds)) // warms up
    for (let round = 0; round < rounds; round++) {
      console.error(`${workload.title}, open loop, round ${round + 1} of ${rounds}`)
      for (let turn = 0; turn < runners.length; turn++) {
        const runner = runners[(round + turn) % runners.length] as Runner
        results.get(runner.name)?.push(await sweep(generator, workload, runner, seconds, round))
      }
    }
    return [...results].map(([server, rounds]) => summarize(workload.title, server, rounds))
  } finally {
    await Promise.all(servers.map(server => server.stop()))
  }
}

async function capacityOf(
  generator: LoadGenerator,
  { isSlow }: Workload,
  { server, request }: Runner,
  seconds: number,
): Promise<number> {
  const connections = isSlow ? callers.ofSlow : callers.ofMost
  const job = { port: server.port, connections, request, answerBytes: undefined, seconds, rampSeconds: 0.3 }
  return (await generator.run(job)).requestsPerSecond
}

async function sweep(
  generator: LoadGenerator,
  workload: Workload,
  runner: Runner,
  seconds: number,
  round: number,
): Promise<Round> {
  const capacity = await capacityOf(generator, workload, runner, seconds)
  const requests = workload.bodies.map(body => encodeRequest({ ...runner.parts, body }))
  const loads: OpenLoadResult[] = []
  for (const share of loadShares) {
    const requestsPerSecond = share * capacity
    const seed = round * loadShares.length + loads.length + 1
    const job = { port: runner.server.port, requests, requestsPerSecond, seconds, rampSeconds, seed }
    loads.push(await generator.run(job))
  }
  return { capacity, loads }
}

function summarize(title: string, server: string, rounds: readonly Round[]): LoadCurve {
  const capacity = median(rounds.map(round => round.capacity))
  const points = loadShares.map((share, index): LoadPoint => {
    const sent = rounds.filter(({ loads }) => loads[index]?.isLimited === false)
    const measured = sent.length > 0 ? measuredPoint(sent, index) : undefined
    return { share, requestsPerSecond: share * capacity, measured }
  })
  return { title, server, capacity, points }
}

function measuredPoint(rounds: readonly Round[], index: number): MeasuredPoint {
  const loads = rounds.map(({ loads }) => loads[index] as OpenLoadResult)
  const sum = (of: (load: OpenLoadResult) => number) => loads.reduce((total, load) => total + of(load), 0)
  const refusals = loads.map(load => load.refusalMs.p99).filter(Number.isFinite)
  return {
    p50Ms: median(loads.map(load => load.latencyMs.p50)),
    p95Ms: median(loads.map(load => load.latencyMs.p95)),
    p99Ms: median(loads.map(load => load.latencyMs.p99)),
    offered: sum(load => load.offered),
    accepted: sum(load => load.accepted),
    refused: sum(load => load.refused),
    expired: sum(load => load.expired),
    failures: sum(load => load.failures),
    refusalP99Ms: refusals.length > 0 ? median(refusals) : undefined,
    lagP99Ms: median(loads.map(load => load.lagMs.p99)),
    acceptedByPeak: ratioOf(
      loads.map(load => load.acceptedPerSecond),
      rounds.map(round => round.capacity),
    ),
  }
}

/** The point that shows what an overload does. */
export function overloadOf({ points }: LoadCurve): LoadPoint | undefined {
  return points.find(({ share }) => share === overload)
}
