import { setTimeout as sleep } from 'node:timers/promises'
import { playRounds, type RoundResult, type Settings } from '../http/contest.ts'
import { type ServerCommand, ServerProcess } from '../http/server-process.ts'
import type { GoLoad, GoRequest } from './go-load.ts'
import type { Form, Row } from './requests.ts'

/** A server, and the ways in which it is asked. */
export interface ServerUnderTest {
  readonly name: string
  readonly command: ServerCommand
  readonly forms: readonly Form[]
  /** Called once it runs, because that is when keys exist. */
  readonly key: () => Promise<string>
}

/** One way to ask one server. */
interface Entry {
  readonly name: string
  readonly server: ServerProcess
  readonly request: GoRequest
  readonly answerBytes: number
}

/** Of gRPC; HTTP/1.1 has one for each request under way. */
const connections = 4
const rampSeconds = 0.3
const readyTimeoutMs = 60_000

/** The name of a line of the table. */
export const entryName = (server: string, form: Form) => `${server}: ${form.name}`

/**
 * Runs all servers at once and asks one after the other in one way after the other, round by round. Scores are compared before:
 * those of all servers are the same to the bit.
 *
 * @returns per number of requests under way, and by `entryName`, the rounds
 */
export async function protocolContest(
  generator: GoLoad,
  servers: readonly ServerUnderTest[],
  { row, inFlight, folder }: { row: Row; inFlight: readonly number[]; folder: string },
  settings: Settings,
): Promise<Map<number, Map<string, RoundResult[]>>> {
  const running: ServerProcess[] = []
  try {
    const entries: Entry[] = []
    let expected: string | undefined
    for (const { name, command, forms, key } of servers) {
      const server = await ServerProcess.start(command)
      running.push(server)
      for (const form of forms) {
        const request = await form.request(row, folder, await key())
        const answer = await askWhenReady(generator, server, request)
        const scores = String(form.scores(row, answer))
        expected ??= scores
        if (scores !== expected)
          throw new Error(
            `${entryName(name, form)} answers ${scores.slice(0, 200)}, the first one ${expected.slice(0, 200)}`,
          )
        entries.push({ name: entryName(name, form), server, request, answerBytes: answer.body.length })
      }
    }
    return await playRounds(entries, inFlight, settings, (entry, count, seconds) =>
      measure(generator, entry, count, seconds),
    )
  } finally {
    await Promise.all(running.map(server => server.stop()))
  }
}

/** Services load while the host already listens. */
async function askWhenReady(generator: GoLoad, server: ServerProcess, request: GoRequest) {
  for (const startedAt = performance.now(); ; await sleep(200)) {
    try {
      return await generator.ask(server.port, request)
    } catch (failure) {
      const isLoading = /Unavailable|status 503/.test((failure as Error).message)
      if (!isLoading || performance.now() - startedAt > readyTimeoutMs) throw failure
    }
  }
}

async function measure(
  generator: GoLoad,
  { server, request, answerBytes }: Entry,
  inFlight: number,
  seconds: number,
): Promise<RoundResult> {
  const cpuBefore = server.cpuMilliseconds()
  // The scores are the same each time, so that each answer has as many bytes.
  const load = await generator.load(server.port, request, { connections, inFlight, seconds, rampSeconds, answerBytes })
  const cpuAfter = server.cpuMilliseconds()
  const share = seconds / (seconds + rampSeconds)
  const cpuMsPerRequest =
    cpuBefore === undefined || cpuAfter === undefined ? undefined : ((cpuAfter - cpuBefore) * share) / load.requests
  return { ...load, cpuMsPerRequest, longestGapMs: undefined }
}
