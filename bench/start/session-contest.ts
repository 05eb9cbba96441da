import { execFile } from 'node:child_process'
import { link, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { optimizeModel } from '../../src/adapters/onnxruntime/optimize-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { cacheDir, cachedModel, rootDir } from '../cache.ts'
import { resnet50 } from '../models/resnet50.ts'
import { median, ratioOf } from '../report/statistics.ts'
import type { StartResult } from './bench.ts'

/** What `open-session.ts` prints. */
interface Opened {
  readonly openMs: number
  readonly firstRunMs: number
  readonly runMs: number
  readonly rssMb: number
  readonly isOptimized: boolean
  readonly sum: string
}

const target = 0.35

/** ResNet-50 as `scoring optimize` left it against the plain path, in fresh processes, by turns. */
export async function sessionContest({ rounds }: { rounds: number }): Promise<StartResult[]> {
  const path = await cachedModel('resnet50', resnet50)
  const folder = join(cacheDir, 'start', 'optimized')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const copy = join(folder, 'resnet50.onnx')
  await link(path, copy)
  const { accelerator } = ServiceDefinition.parse({})
  const result = await optimizeModel({ name: 'resnet50', path: copy, sha256: undefined }, accelerator)
  if (result.kind !== 'written') throw new Error(`ResNet-50 is not optimized: ${result.why}`)
  const plain: Opened[] = []
  const optimized: Opened[] = []
  for (let round = 0; round < rounds; round++) {
    const turns = [() => open(path).then(each => plain.push(each)), () => open(copy).then(each => optimized.push(each))]
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn()
  }
  if (!optimized.every(({ isOptimized }) => isOptimized)) throw new Error('the optimized file was not used')
  if (new Set([...plain, ...optimized].map(({ sum }) => sum)).size !== 1) throw new Error('the answers differ')
  const compare = (what: string, of: (each: Opened) => number, target?: number): StartResult[] => {
    const ratio = ratioOf(optimized.map(of), plain.map(of))
    const theirs = { what, how: 'the plain path', ms: median(plain.map(of)) }
    const ours = { what, how: 'optimized ahead', ms: median(optimized.map(of)), ratio }
    return [theirs, { ...ours, ...(target !== undefined && { target, isMet: ratio.median <= target }) }]
  }
  return [
    ...compare('ResNet-50, opening its session', each => each.openMs, target),
    ...compare('the same with the first run', each => each.openMs + each.firstRunMs),
    ...compare('a later run', each => each.runMs),
  ]
}

async function open(path: string): Promise<Opened> {
  const script = join(rootDir, 'bench/start/open-session.ts')
  const tiny = join(rootDir, 'models/diabetes/1/model.onnx')
  const { stdout } = await promisify(execFile)(process.execPath, [script, path, tiny])
  return JSON.parse(stdout) as Opened
}
