import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import { memoryBytes } from './memory.ts'

/** A worker without its model: V8, the script, ONNX Runtime's own. Measured with 100 services of small models. */
const workerBytes = 16 * 2 ** 20
/** What weights need in memory for each byte on disk: they are laid out again for the processor (ResNet-50: 1.8). */
const perFileByte = 2
/** From this part of its memory on, a process is about to be ended by the system. */
const shortFrom = 0.85

/** Estimates what a worker needs that loads models, with the weights in files beside them. */
export function estimateMemory(models: readonly ModelPath[]): number {
  const folders = new Set(models.map(({ path }) => dirname(path)))
  return workerBytes + perFileByte * [...folders].reduce((sum, folder) => sum + sizeOfFiles(folder), 0)
}

/** Whether the process holds so much of the memory that it may use that little is left. */
export function isMemoryShort(): boolean {
  return process.memoryUsage.rss() > shortFrom * memoryBytes()
}

/** Folders may be removed at any time: the worker says so. */
function listNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function sizeOfFiles(folder: string): number {
  let bytes = 0
  for (const name of listNames(folder)) {
    const found = statSync(join(folder, name), { throwIfNoEntry: false })
    if (found?.isFile()) bytes += found.size
  }
  return bytes
}
