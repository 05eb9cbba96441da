import { prepareApps } from '../http/our-host.ts'
import { comparisonTable } from '../http/results.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { batchingContest } from './batching-contest.ts'
import { prepareWorkloads } from './workloads.ts'

await prepareApps(false)
const g = new LoadGenerator()
try {
  for (const w of await prepareWorkloads()) {
    if (process.argv[2] && w.name !== process.argv[2]) continue
    if (!w.target) continue
    const r = await batchingContest(g, w, { seconds: 1, rounds: 2, isBuilt: true })
    console.log(r.company)
    console.log(comparisonTable(r.comparisons))
  }
} finally {
  g.stop()
}
