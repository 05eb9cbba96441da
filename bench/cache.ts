import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OnnxGraph, writeModelFile } from './models/onnx-file.ts'

/** The checkout. */
export const rootDir = dirname(dirname(fileURLToPath(import.meta.url)))
export const benchDir = join(rootDir, 'bench')
/** Models, copies of the app and the virtual environment: made when missing, never committed. */
export const cacheDir = join(benchDir, '.cache')

/** The model's file, written when it is not there yet. */
export async function cachedModel(name: string, graph: () => OnnxGraph): Promise<string> {
  const path = join(cacheDir, 'models', `${name}.onnx`)
  if (existsSync(path)) return path
  await mkdir(dirname(path), { recursive: true })
  await writeModelFile(path, graph())
  return path
}
