/** `npm run bench -- cold-start`: from the start of a process to its first score over HTTP, and by which phases. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { startPhases } from '../../src/telemetry/cold-start.ts'
import { cacheDir, rootDir } from '../cache.ts'
import { addService, ourAzureHost, ourHost, prepareApps, prepareService, primaryKeyOf } from '../http/our-host.ts'
import { type ServerCommand, ServerProcess } from '../http/server-process.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import type { BenchResult } from '../report/record.ts'
import { median, type Ratio, ratioOf } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { type FirstAnswer, firstAnswer } from './first-answer.ts'

/** The published answer to the sample's first row. */
const expected = '[217.67978776218715]'

/** Processes start faster or slower by a third from one to the next. */
const processesPerRound = 3

interface Contender {
  readonly name: string
  readonly command: ServerCommand
  readonly headers: Readonly<Record<string, string>>
  /** Against the first contender. */
  readonly target?: number
  readonly starts: FirstAnswer[]
}

export async function benchColdStart(settings: { rounds: number; isBuilt: boolean }): Promise<BenchResult> {
  const rounds = settings.rounds * processesPerRound
  const contenders = await prepare(settings.isBuilt)
  const { data } = JSON.parse(await readFile(join(rootDir, 'models/diabetes/sample.json'), 'utf8')) as {
    data: number[][]
  }
  const body = JSON.stringify({ data: data.slice(0, 1) })
  for (let round = 0; round < rounds; round++) {
    // By turns, and in another order each round: what else the machine does meets all of them.
    for (let turn = 0; turn < contenders.length; turn++) {
      const { command, headers, starts } = contenders[(turn + round) % contenders.length] as Contender
      starts.push(await firstAnswer(command, { headers, body, expected }))
    }
  }
  return report(contenders, rounds)
}

async function prepare(isBuilt: boolean): Promise<Contender[]> {
  await prepareApps(isBuilt)
  const one = await prepareService('diabetes', join(rootDir, 'models/diabetes'), {})
  const twenty = join(cacheDir, 'services', 'twenty')
  await rm(twenty, { recursive: true, force: true })
  const names = ['diabetes', ...Array.from({ length: 19 }, (_, index) => `diabetes-${index + 2}`)]
  for (const name of names) await addService(twenty, name, join(rootDir, 'models/diabetes'), {}, {})
  const timed = { SCORING_SERVER_TIMING: 'on', SCORING_DEFAULT_SERVICE: 'diabetes' }
  await (await ServerProcess.start(ourHost(twenty, timed))).stop() // which makes their keys
  const headers = { authorization: `Bearer ${await primaryKeyOf('diabetes')}` }
  const ours = (name: string, command: ServerCommand, target?: number): Contender => ({
    ...{ name, command, headers, starts: [] },
    ...(target !== undefined && { target }),
  })
  return [
    { name: 'node:http + onnxruntime-node, bundled', command: await bundleBareServer(), headers: {}, starts: [] },
    ours('embedded host, 1 service', ourHost(one, timed), 1.3),
    ours('embedded host, 20 services', ourHost(twenty, timed)),
    ours("double of Azure's host, 1 service", ourAzureHost(one, timed)),
    ours("double of Azure's host, 20 services", ourAzureHost(twenty, timed)),
  ]
}

async function bundleBareServer(): Promise<ServerCommand> {
  const outfile = join(cacheDir, 'start', 'inline-row.mjs')
  await build({
    ...{ bundle: true, platform: 'node', target: 'node22', format: 'esm', minifySyntax: true, outfile },
    external: ['onnxruntime-node'],
    entryPoints: [join(rootDir, 'bench/http/servers/inline-row.ts')],
  })
  return { command: process.execPath, args: [outfile, join(rootDir, 'models/diabetes/1/model.onnx')] }
}

function report(contenders: readonly Contender[], rounds: number): BenchResult {
  const [bare] = contenders as [Contender, ...Contender[]]
  const msOf = ({ starts }: Contender) => starts.map(({ ms }) => ms)
  const results = contenders.map(contender => {
    const { name, starts, target } = contender
    const ratio: Ratio | undefined = contender === bare ? undefined : ratioOf(msOf(contender), msOf(bare))
    const cpuMs = median(starts.map(({ cpuMs }) => cpuMs ?? Number.NaN))
    const phases = Object.fromEntries(
      startPhases.map(phase => [phase, median(starts.map(({ phases }) => phases[phase] ?? Number.NaN))]),
    )
    const isMet = target === undefined || !ratio ? undefined : ratio.median <= target
    return { name, ms: median(msOf(contender)), cpuMs, ratio, target, isMet, phases }
  })
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const rows = results.map(({ name, ms, cpuMs, ratio, target, isMet }) => [
    ...[name, readable(ms), readable(cpuMs), ratio ? ratio.median.toFixed(2) : ''],
    ratio ? `${ratio.lowest.toFixed(2)}-${ratio.highest.toFixed(2)}` : '',
    target === undefined ? '' : `<= ${target}`,
    verdict(isMet),
  ])
  const ofPhases = results
    .slice(1)
    .map(({ name, phases }) => [name, ...startPhases.map(each => readable(phases[each]))])
  const markdown = [
    `${date}, ${rounds} processes of each, by turns; medians. ${machineLine(machine)}`,
    markdownTable(['Process start to first score', 'ms', 'CPU ms', 'Ratio', 'Range', 'Target', ''], rows, 1),
    markdownTable(['Phase, ms', ...startPhases], ofPhases, 1),
  ].join('\n\n')
  return { result: { date, machine, rounds, results }, markdown }
}
