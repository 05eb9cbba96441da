/** What micro-batching gives where many call at once, and what it takes where one does. */
import { contest, type Settings } from '../http/contest.ts'
import { type Comparison, compare } from '../http/results.ts'
import type { LoadGenerator } from '../load/load-generator.ts'
import { contendersOf, withBatching, withoutBatching } from './contenders.ts'
import { compareJoinedAnswers, type JoinedAnswers } from './joined-answers.ts'
import type { Workload } from './workloads.ts'

const leastAlone = 0.95

export async function batchingContest(
  generator: LoadGenerator,
  workload: Workload,
  settings: Settings,
): Promise<{ comparisons: Comparison[]; joinedAnswers: JoinedAnswers }> {
  let joinedAnswers: JoinedAnswers | undefined
  // The answers of both to one row alone, to the bit; those to rows in a batch are compared by `compareJoinedAnswers`.
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
      joinedAnswers = await compareJoinedAnswers(workload, runners)
    },
  )
  const comparisons = [...results].flatMap(([connections, byName]) => {
    const target = targets[connections as keyof typeof targets]
    return compare(workload.title, connections, withBatching, byName, target ? { [withoutBatching]: target } : {})
  })
  return { comparisons, joinedAnswers: joinedAnswers as JoinedAnswers }
}
