import { LoadGenerator } from '../load/load-generator.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import type { Settings } from './contest.ts'
import { type HealthResult, imageContest } from './image-contest.ts'
import { prepareApps } from './our-host.ts'
import { preparePythonVenv } from './python-venv.ts'
import { comparisonTable } from './results.ts'
import { rowContest } from './row-contest.ts'

/** `npm run bench -- http`: requests per second against other ways to serve the same model. */
export async function benchHttp(settings: Settings): Promise<{ result: object; markdown: string }> {
  await prepareApps(settings.isBuilt)
  const python = await preparePythonVenv()
  const skipped = 'missing' in python ? [`FastAPI and Flask servers: ${python.missing}`] : []
  const generator = new LoadGenerator()
  try {
    // A run of ResNet-50 takes long; so do the rounds, or one request more or less would count.
    const image = await imageContest(generator, { ...settings, seconds: settings.seconds * 2 })
    const rows = await rowContest(generator, settings, python)
    const machine = describeMachine()
    const date = new Date().toISOString().slice(0, 10)
    const comparisons = [...image.comparisons, ...rows]
    const markdown = [
      `${date}, ${settings.rounds} rounds of ${settings.seconds} s (ResNet-50: ${settings.seconds * 2} s). ${machineLine(machine)}`,
      comparisonTable(comparisons),
      'While ResNet-50 is under load, one client asks for `/health/live` (inline: `/healthz`):',
      healthTable(image.health),
      ...skipped.map(what => `Skipped: ${what}.`),
    ].join('\n\n')
    return { result: { date, machine, settings, comparisons, health: image.health, skipped }, markdown }
  } finally {
    generator.stop()
  }
}

function healthTable(health: readonly HealthResult[]): string {
  const head = ['Server', 'p50 ms', 'p97 ms', 'p99 ms', 'Longest gap of its event loop, ms', 'p97 target', '']
  const rows = health.map(line => [
    line.server,
    readable(line.p50Ms),
    readable(line.p97Ms),
    readable(line.p99Ms),
    readable(line.longestGapMs),
    line.targetMs === undefined ? '' : `<= ${line.targetMs} ms`,
    verdict(line.isMet),
  ])
  return markdownTable(head, rows, 1)
}
