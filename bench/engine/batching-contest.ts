/** What micro-batching gives where many call at once, and what it takes where one does. */
import { contest, type Settings } from '../http/contest.ts'
import { type Comparison, compare } from '../http/results.ts'
import type { LoadGenerator } from '../load/load-generator.ts'
import { type Company, compareInCompany } from './company.ts'
import { contendersOf, withBatching, withoutBatching } from './contenders.ts'
import type { Workload } from './workloads.ts'

const leastAlone = 0.95

export async function batchingContest(
  generator: LoadGenerator,
  workload: Workload,
  settings: Settings,
): Promise<{ comparisons: Comparison[]; company: Company }> {
  let company: Company | undefined
  // The answers of both to one row alone, to the bit; in company, `company` is asked.
  let expected: Uint8Array | undefined
  const isRight = (answer: Uint8Array) => {
    expected ??= answer
    return Buffer.compare(answer, expected) === 0
  }
  const targets = { 64: workload.target, 1: leastAlone }
  const results = await contest(
    generator,
    await contendersOf(workload),
    Object.keys(targets).map(Number),
    settings,
    isRight,
    async runners => {
      company = await compareInCompany(workload, runners)
    },
  )
  const comparisons = [...results].flatMap(([connections, byName]) => {
    const target = targets[connections as keyof typeof targets]
    return compare(workload.title, connections, withBatching, byName, target ? { [withoutBatching]: target } : {})
  })
  return { comparisons, company: company as Company }
}
