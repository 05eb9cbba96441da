import type { Settings } from '../http/contest.ts'
import { prepareApps } from '../http/our-host.ts'
import { type Comparison, comparisonTable } from '../http/results.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import type { BenchResult } from '../report/record.ts'
import { batchingContest } from './batching-contest.ts'
import { measureFootprint } from './footprint.ts'
import type { JoinedAnswers } from './joined-answers.ts'
import { loadChart } from './load-chart.ts'
import { type LoadCurve, sweepLoad } from './load-sweep.ts'
import { footprintTable, joinedAnswersLine, loadTable, overloadTable } from './tables.ts'
import { prepareWorkloads } from './workloads.ts'

/** `npm run bench -- engine`: micro-batching, latency against load, overload, memory and idleness. */
export async function benchEngine(settings: Settings): Promise<BenchResult> {
  await prepareApps(settings.isBuilt)
  const workloads = await prepareWorkloads()
  const { seconds, rounds } = settings
  const generator = new LoadGenerator()
  try {
    const comparisons: Comparison[] = []
    const joinedAnswers: JoinedAnswers[] = []
    for (const workload of workloads.filter(({ target }) => target !== undefined)) {
      const contest = await batchingContest(generator, workload, { ...settings, seconds: seconds / 1.5 })
      comparisons.push(...contest.comparisons)
      joinedAnswers.push(contest.joinedAnswers)
    }
    const curves: LoadCurve[] = []
    for (const workload of workloads) {
      // A run of ResNet-50 takes long: fewer rounds, of more seconds.
      const sweep = workload.isSlow
        ? { seconds: seconds * 2, rounds: 1 }
        : { seconds: seconds / 1.5, rounds: Math.ceil(rounds / 2.5) }
      curves.push(...(await sweepLoad(generator, workload, sweep)))
    }
    const isQuick = seconds * rounds < 10
    const footprint = await measureFootprint(generator, workloads, isQuick ? 5000 : 100_000)
    const machine = describeMachine()
    const date = new Date().toISOString().slice(0, 10)
    const markdown = [
      `${date}, ${rounds} rounds of ${(seconds / 1.5).toFixed(1)} s. ${machineLine(machine)}`,
      comparisonTable(comparisons),
      joinedAnswersLine(joinedAnswers),
      '![Latency against load](results/engine.svg)',
      loadTable(curves),
      'At four times the capacity:',
      overloadTable(curves),
      footprintTable(footprint),
    ].join('\n\n')
    const result = { date, machine, settings, comparisons, joinedAnswers, curves, footprint }
    return { result, markdown, svg: loadChart(curves) }
  } finally {
    generator.stop()
  }
}
