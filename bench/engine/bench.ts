import { writeFileSync } from 'node:fs'
import { prepareApps } from '../http/our-host.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { sweepLoad } from './load-sweep.ts'
import { prepareWorkloads } from './workloads.ts'

await prepareApps(true)
const g = new LoadGenerator()
const all = []
try {
  for (const w of await prepareWorkloads()) {
    if (process.argv[2] && w.name !== process.argv[2]) continue
    const r = await sweepLoad(g, w, w.name === 'resnet50' ? { seconds: 6, rounds: 1 } : { seconds: 1, rounds: 1 })
    all.push(...r)
    for (const c of r) {
      console.log(c.title, c.server, c.capacity)
      console.table(
        c.points.map(p => ({
          share: p.share,
          rps: p.requestsPerSecond,
          ...p.measured,
          acceptedByPeak: p.measured?.acceptedByPeak.median,
        })),
      )
    }
  }
} finally {
  g.stop()
}
writeFileSync('/tmp/eb-curves.json', JSON.stringify(all))
