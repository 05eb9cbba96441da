import { setTimeout as sleep } from 'node:timers/promises'
import { encodeRequest, type LoadGenerator } from '../load/load-generator.ts'
import type { LoadResult } from '../load/load-job.ts'
import { type ServerCommand, ServerProcess } from './server-process.ts'

export interface RequestParts {
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array<ArrayBuffer>
}

/** A server that takes part, with what it is asked. */
export interface Contestant {
  readonly name: string
  readonly command: ServerCommand
  /** Called once the server runs, because that is when keys exist. */
  readonly request: () => Promise<RequestParts>
  /** A light request that one more client sends meanwhile. */
  readonly probePath?: string
}

export interface Settings {
  readonly seconds: number
  readonly rounds: number
  /** Our app is measured as the last run left it in the cache. */
  readonly isBuilt: boolean
}

/** What one server did in one round. */
export interface RoundResult extends LoadResult {
  readonly cpuMsPerRequest: number | undefined
  readonly longestGapMs: number | undefined
}

/** A server that runs and has shown that it answers rightly. */
export interface Runner {
  readonly name: string
  readonly server: ServerProcess
  readonly parts: RequestParts
  readonly request: Buffer
  readonly answerBytes: number
  readonly probe: { request: Buffer; pauseMs: number } | undefined
}

const readyTimeoutMs = 60_000
const rampSeconds = 0.3
const probePauseMs = 20

/**
 * Runs all servers at once and loads one after the other, round by round, each round in another order: what else
 * happens on the machine then falls on all of them.
 *
 * @param isRight  whether an answer is the right one; a server with a wrong one ends the benchmark
 * @param examine  looks at the servers before any load
 * @returns per number of connections and server its rounds, in order
 */
export async function contest(
  generator: LoadGenerator,
  contestants: readonly Contestant[],
  connectionCounts: readonly number[],
  { seconds, rounds }: Settings,
  isRight: (answer: Uint8Array) => boolean,
  examine: (runners: readonly Runner[]) => Promise<void> = async () => {},
): Promise<Map<number, Map<string, RoundResult[]>>> {
  const runners: Runner[] = []
  const servers: ServerProcess[] = []
  try {
    for (const contestant of contestants) {
      const server = await ServerProcess.start(contestant.command)
      servers.push(server)
      runners.push(await prepare(contestant, server, isRight))
    }
    await examine(runners)
    return await playRounds(runners, connectionCounts, { seconds, rounds }, (runner, connections, length) =>
      measure(generator, runner, connections, length),
    )
  } finally {
    await Promise.all(servers.map(server => server.stop()))
  }
}

/**
 * Measures all in one round after the other, each round in another order.
 *
 * @param measure  one of them for some seconds
 * @returns per number of connections and name the rounds, in order
 */
export async function playRounds<Each extends { readonly name: string; readonly server: ServerProcess }>(
  all: readonly Each[],
  connectionCounts: readonly number[],
  { seconds, rounds }: Pick<Settings, 'seconds' | 'rounds'>,
  measure: (each: Each, connections: number, seconds: number) => Promise<RoundResult>,
): Promise<Map<number, Map<string, RoundResult[]>>> {
  await refuseRestless(all)
  const results = new Map<number, Map<string, RoundResult[]>>()
  for (const connections of connectionCounts) {
    const byName = new Map<string, RoundResult[]>(all.map(({ name }) => [name, []]))
    results.set(connections, byName)
    for (const each of all) await measure(each, connections, Math.min(2, seconds)) // warms up
    for (let round = 0; round < rounds; round++) {
      console.error(`${connections} connections, round ${round + 1} of ${rounds}`)
      for (let turn = 0; turn < all.length; turn++) {
        const each = all[(round + turn) % all.length] as Each
        byName.get(each.name)?.push(await measure(each, connections, seconds))
      }
    }
  }
  return results
}

/** @throws Error when the server answers wrongly */
export async function prepare(
  { name, request, probePath }: Contestant,
  server: ServerProcess,
  isRight: (answer: Uint8Array) => boolean,
): Promise<Runner> {
  const parts = await request()
  const answer = await fetchWhenReady(name, server.port, parts)
  if (!isRight(answer)) throw new Error(`${name} answers wrongly: ${Buffer.from(answer).toString('latin1', 0, 200)}`)
  const probe = probePath && { request: encodeRequest({ method: 'GET', path: probePath }), pauseMs: probePauseMs }
  return { name, server, parts, request: encodeRequest(parts), answerBytes: answer.length, probe: probe || undefined }
}

/** Services load while the host already listens. */
export async function fetchWhenReady(name: string, port: number, { path, ...init }: RequestParts): Promise<Uint8Array> {
  for (const startedAt = performance.now(); ; await sleep(100)) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    const answer = new Uint8Array(await response.arrayBuffer())
    if (response.status === 200) return answer
    if (response.status !== 503 || performance.now() - startedAt > readyTimeoutMs) {
      throw new Error(`${name} answers ${response.status}: ${Buffer.from(answer).toString('latin1', 0, 200)}`)
    }
  }
}

/** A server that computes while idle would slow the others down. */
async function refuseRestless(runners: readonly Pick<Runner, 'name' | 'server'>[]): Promise<void> {
  await sleep(1000)
  const before = runners.map(({ server }) => server.cpuMilliseconds() ?? 0)
  await sleep(2000)
  for (const [index, { name, server }] of runners.entries()) {
    const share = ((server.cpuMilliseconds() ?? 0) - (before[index] ?? 0)) / 2000
    if (share > 0.1) throw new Error(`${name} uses ${Math.round(share * 100)} % of a core while idle`)
  }
}

async function measure(
  generator: LoadGenerator,
  { server, request, answerBytes, probe }: Runner,
  connections: number,
  seconds: number,
): Promise<RoundResult> {
  await server.takeLongestGapMs()
  const cpuBefore = server.cpuMilliseconds()
  const job = { port: server.port, connections, request, answerBytes, seconds, rampSeconds, probe }
  const load = await generator.run(job)
  const cpuAfter = server.cpuMilliseconds()
  const longestGapMs = await server.takeLongestGapMs()
  const share = seconds / (seconds + rampSeconds)
  const cpuMsPerRequest =
    cpuBefore === undefined || cpuAfter === undefined ? undefined : ((cpuAfter - cpuBefore) * share) / load.requests
  return { ...load, cpuMsPerRequest, longestGapMs }
}
