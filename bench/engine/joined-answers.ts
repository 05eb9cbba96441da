/** Whether rows that share runs are answered as each is alone, to the bit. */
import type { Runner } from '../http/contest.ts'
import { withBatching, withoutBatching } from './contenders.ts'
import type { Workload } from './workloads.ts'

/** Waves of all rows at once. */
const waves = 5

export interface JoinedAnswers {
  readonly title: string
  readonly answers: number
  readonly requestsPerRun: number
}

/** @throws Error when an answer differs, or when no rows shared a run, so that nothing was proven */
export async function compareJoinedAnswers(workload: Workload, runners: readonly Runner[]): Promise<JoinedAnswers> {
  const [on, off] = [withBatching, withoutBatching].map(name => runners.find(runner => runner.name === name) as Runner)
  const { bodies, title } = workload
  const alone: string[] = []
  for (const body of bodies) alone.push(await scored(off as Runner, body))
  const before = await countRuns(on as Runner)
  for (let wave = 0; wave < waves; wave++) {
    const together = await Promise.all(bodies.map(body => scored(on as Runner, body)))
    const wrong = together.findIndex((answer, row) => answer !== alone[row])
    if (wrong >= 0) throw new Error(`${title}: row ${wrong} is answered differently in a batch`)
  }
  const after = await countRuns(on as Runner)
  const requestsPerRun = (after.requests - before.requests) / (after.runs - before.runs)
  if (!(requestsPerRun > 1)) throw new Error(`${title}: no rows shared a run`)
  return { title, answers: waves * bodies.length, requestsPerRun }
}

async function scored({ server, parts }: Runner, body: Uint8Array<ArrayBuffer>): Promise<string> {
  const { path, ...init } = parts
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { ...init, body })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`an answer ${response.status}: ${text.slice(0, 200)}`)
  return text
}

async function countRuns({ server }: Runner): Promise<{ requests: number; runs: number }> {
  const page = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
  const [requests, runs] = ['sum', 'count'].map(part => {
    const value = new RegExp(`^scoring_batch_requests_${part}{.*} (\\d+)$`, 'm').exec(page)?.[1]
    return Number(value ?? 0)
  })
  return { requests: requests as number, runs: runs as number }
}
