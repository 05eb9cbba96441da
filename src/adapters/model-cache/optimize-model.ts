import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { UncachedModel } from '../../models/session/load-report.ts'
import { syntheticRow } from '../../scripts/made-up-rows.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { ModelFile } from '../onnxruntime/model-file.ts'
import { OnnxModelSession } from '../onnxruntime/onnx-model-session.ts'
import { makeRoom, unfinishedPrefix } from './cache-folder.ts'
import { rememberedFingerprint } from './file-fingerprint.ts'
import { ModelCache, modelFile, weightsFile } from './model-cache.ts'

/** How the CPU provider is asked for; see `planAttempts`. */
const onCpu = { name: 'cpu', providers: ['cpu'], isStrict: false } as const
/** Weights and nodes of the optimized graph may take more than the file did: padding, folded constants. */
const growth = 1.2

export interface CacheLimits {
  readonly folder: string
  readonly maxBytes: number
}

/**
 * Writes the entry of a model: opens the model as a service would, has the runtime save what it made of it, opens that
 * too, and publishes it only where both give the same answer, to the bit, and have the same inputs and outputs.
 *
 * @returns what became of it, for the log
 * @throws Error when the model cannot be opened, or the folder cannot be written to
 */
export async function optimizeModel({ path, accelerator }: UncachedModel, limits: CacheLimits): Promise<string> {
  const cache = new ModelCache(limits.folder)
  const { sha256, hasExternalData } = rememberedFingerprint(limits.folder, path)
  const key = cache.keyOf(sha256, accelerator.graphOptimization)
  if (cache.find(key).kind !== 'miss') return 'is there already'
  if (!makeRoom(limits.folder, limits.maxBytes, growth * statSync(path).size)) return 'finds no room'
  const unfinished = `${join(limits.folder, unfinishedPrefix)}${cache.entryPath(key).slice(-40)}`
  try {
    mkdirSync(unfinished, { mode: 0o700 }) // which only one writer can
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'EEXIST') return 'is being written by another process'
    throw failure
  }
  try {
    const why = hasExternalData
      ? 'its weights are in files beside it'
      : await save(path, accelerator, join(unfinished, modelFile))
    if (rememberedFingerprint(limits.folder, path).sha256 !== sha256) return 'was replaced meanwhile'
    const names = why === undefined ? readdirSync(unfinished) : []
    if (why !== undefined) for (const name of readdirSync(unfinished)) rmSync(join(unfinished, name))
    cache.publish(key, unfinished, names, why)
    return why === undefined ? 'is kept' : `is not kept: ${why}`
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** @returns why what was saved must not be used */
async function save(
  path: string,
  accelerator: UncachedModel['accelerator'],
  savedTo: string,
): Promise<string | undefined> {
  const file = new ModelFile({ name: 'model', path, sha256: undefined })
  const saveTo = { path: savedTo, weights: weightsFile }
  const plain = await OnnxModelSession.open(file, onCpu, accelerator, { saveTo })
  const answer = await answerOf(plain)
  const metadata = [plain.inputs, plain.outputs]
  await plain.release()
  const optimized = { ...accelerator, graphOptimization: 'disabled' } as const
  const saved = await OnnxModelSession.open(file, onCpu, optimized, { source: { path: savedTo } })
  try {
    if (!isDeepStrictEqual([saved.inputs, saved.outputs], metadata)) return 'its inputs or outputs would differ'
    if (answer === undefined) return 'made-up rows cannot be scored, so nothing can be compared'
    return isDeepStrictEqual(await answerOf(saved), answer) ? undefined : 'its answers would differ'
  } finally {
    await saved.release()
  }
}

async function answerOf(session: OnnxModelSession): Promise<Record<string, Tensor> | undefined> {
  try {
    return await session.run(syntheticRow(session.inputs))
  } catch {
    return undefined
  }
}
