import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import { syntheticRow } from '../../scripts/made-up-rows.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { ModelFile } from './model-file.ts'
import { OnnxModelSession } from './onnx-model-session.ts'
import {
  digestFile,
  type OptimizedRecord,
  optimizedPaths,
  type Pins,
  readPins,
  weightsName,
} from './optimized-model.ts'

type Accelerator = ServiceDefinition['accelerator']

/** The CPU provider as `planAttempts` asks for it. */
const onCpu = { name: 'cpu', providers: ['cpu'], isStrict: false } as const

/**
 * Below it, opening the file is as fast as finding the optimized one and checking what it was made from. Convolutions of
 * 1 MB take 2 ms either way, of 4 MB 9 and 3 ms. Graphs of nothing but MatMul gain nothing at any size, because the runtime
 * packs their weights anew whenever it opens them.
 */
const minOptimizedBytes = 4 * 2 ** 20

type OptimizeResult =
  | { readonly kind: 'written'; readonly files: readonly string[] }
  | { readonly kind: 'unchanged'; readonly why: string }

/**
 * Writes the optimized files of a model beside it: opens the model as a service would, has the runtime save what it made of
 * it, opens that too, and keeps it only where both give the same answer to a made-up row, to the bit, and have the same
 * inputs and outputs. Files of an earlier run are removed.
 *
 * @throws ServiceLoadError when the file is no model; Error when it cannot be opened, or the folder cannot be written to
 */
export async function optimizeModel(
  model: ModelPath,
  accelerator: Accelerator,
  minBytes = minOptimizedBytes,
): Promise<OptimizeResult> {
  const folder = dirname(model.path)
  removeOptimized(model.path)
  const file = new ModelFile(model)
  const pins = readPins(file, accelerator)
  if (typeof pins === 'string') return { kind: 'unchanged', why: pins }
  const bytes = Object.keys(pins.model).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  if (bytes < minBytes) {
    return { kind: 'unchanged', why: `it has ${bytes} bytes, and below ${minBytes} an optimized file opens no faster` }
  }
  // The folder is in the same file system, so that the files can be moved.
  const unfinished = mkdtempSync(join(folder, '.optimizing-'))
  try {
    const why = await save(file, accelerator, pins, unfinished)
    if (why !== undefined) return { kind: 'unchanged', why }
    const isSame = isDeepStrictEqual(readPins(new ModelFile(model), accelerator), pins)
    return isSame
      ? { kind: 'written', files: publish(model.path, pins, unfinished) }
      : { kind: 'unchanged', why: 'its file changed meanwhile' }
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** The record goes first: without it nothing is opened. */
function removeOptimized(modelPath: string): void {
  const { graph, record } = optimizedPaths(modelPath)
  rmSync(record, { force: true })
  rmSync(graph, { force: true })
  const stem = basename(modelPath).replace(/\.onnx$/, '')
  for (const name of readdirSync(dirname(modelPath))) {
    if (name.startsWith(stem) && /^\.optimized-[0-9a-f]{12}\.weights$/.test(name.slice(stem.length)))
      rmSync(join(dirname(modelPath), name))
  }
}

/** @returns why what was saved must not be used */
async function save(
  file: ModelFile,
  accelerator: Accelerator,
  pins: Pins,
  folder: string,
): Promise<string | undefined> {
  const savedTo = join(folder, basename(optimizedPaths(file.path).graph))
  const saveTo = { path: savedTo, weights: weightsName(file.path, pins) }
  const plain = await OnnxModelSession.open(file, onCpu, { accelerator, saveTo })
  const answer = await scoreMadeUpRow(plain)
  const metadata = [plain.inputs, plain.outputs]
  await plain.release()
  if (answer === undefined) return 'a made-up row cannot be scored, so nothing can be compared'
  const saved = await OnnxModelSession.open(file, onCpu, { accelerator, optimizedPath: savedTo })
  try {
    if (!isDeepStrictEqual([saved.inputs, saved.outputs], metadata)) return 'its inputs or outputs would differ'
    return isDeepStrictEqual(await scoreMadeUpRow(saved), answer) ? undefined : 'its answers would differ'
  } finally {
    await saved.release()
  }
}

async function scoreMadeUpRow(session: OnnxModelSession): Promise<Record<string, Tensor> | undefined> {
  try {
    return await session.run(syntheticRow(session.inputs))
  } catch {
    return undefined
  }
}

/** Moves the files to the model and writes the record, which comes last: until it is there nothing is opened. */
function publish(modelPath: string, pins: Pins, unfinished: string): string[] {
  const names = readdirSync(unfinished)
  const optimized = Object.fromEntries(
    names.map(name => {
      const path = join(unfinished, name)
      return [name, { bytes: statSync(path).size, sha256: digestFile(path) }]
    }),
  )
  const { record: recordPath } = optimizedPaths(modelPath)
  const record: OptimizedRecord = { ...pins, optimized }
  const unfinishedRecord = join(unfinished, basename(recordPath))
  writeFileSync(unfinishedRecord, `${JSON.stringify(record, undefined, 2)}\n`)
  for (const name of names) renameSync(join(unfinished, name), join(dirname(modelPath), name))
  renameSync(unfinishedRecord, recordPath)
  return [...names, basename(recordPath)]
}
