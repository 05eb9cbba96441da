import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openPrivateFolder } from '../../src/adapters/local/private-folder.ts'
import { optimizeModel } from '../../src/adapters/model-cache/optimize-model.ts'
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
  readonly isHit: boolean
  readonly sum: string
}

const target = 0.35

/** ResNet-50 from a warm cache against the plain path, in fresh processes, by turns. */
export async function sessionContest({ rounds }: { rounds: number }): Promise<StartResult[]> {
  const path = await cachedModel('resnet50', resnet50)
  const folder = join(cacheDir, 'start', 'model-cache')
  await rm(folder, { recursive: true, force: true })
  openPrivateFolder(folder)
  const { accelerator } = ServiceDefinition.parse({})
  const written = await optimizeModel({ path, accelerator }, { folder, maxBytes: 2 ** 30 })
  if (written !== 'is kept') throw new Error(`the optimized ResNet-50 ${written}`)
  const plain: Opened[] = []
  const cached: Opened[] = []
  for (let round = 0; round < rounds; round++) {
    const turns = [
      () => open(path).then(each => plain.push(each)),
      () => open(path, folder).then(each => cached.push(each)),
    ]
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn()
  }
  if (!cached.every(({ isHit }) => isHit)) throw new Error('the cache had no entry')
  if (new Set([...plain, ...cached].map(({ sum }) => sum)).size !== 1) throw new Error('the answers differ')
  const compare = (what: string, of: (each: Opened) => number, target?: number): StartResult[] => {
    const ratio = ratioOf(cached.map(of), plain.map(of))
    const theirs = { what, how: 'the plain path', ms: median(plain.map(of)) }
    const ours = { what, how: 'a warm local cache', ms: median(cached.map(of)), ratio }
    return [theirs, { ...ours, ...(target !== undefined && { target, isMet: ratio.median <= target }) }]
  }
  return [
    ...compare('ResNet-50, opening its session', each => each.openMs, target),
    ...compare('the same with the first run', each => each.openMs + each.firstRunMs),
    ...compare('a later run', each => each.runMs),
  ]
}

async function open(path: string, folder?: string): Promise<Opened> {
  const script = join(rootDir, 'bench/start/open-session.ts')
  const tiny = join(rootDir, 'models/diabetes/1/model.onnx')
  const { stdout } = await promisify(execFile)(process.execPath, [script, path, tiny, ...(folder ? [folder] : [])])
  return JSON.parse(stdout) as Opened
}
