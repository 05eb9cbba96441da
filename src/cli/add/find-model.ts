import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, normalize, resolve, sep } from 'node:path'
import { ModelFile } from '../../adapters/onnxruntime/model-file.ts'
import { StartupError } from '../../errors.ts'
import { serviceNamePattern, serviceNameRule } from '../../models/definition/service-name.ts'
import { externalFiles } from '../../models/graph/external-files.ts'
import type { OnnxModel } from '../../models/graph/onnx-model.ts'
import { UsageError } from '../usage-error.ts'

/** A model on this machine with all of its files. */
export interface FoundModel {
  readonly path: string
  readonly model: OnnxModel
  /** Files beside it that hold weights, by paths relative to its folder. */
  readonly weights: readonly string[]
  /** Bytes of all of its files. */
  readonly bytes: number
  /** What a service of it is called, unless its owner says another name. */
  readonly suggestedName: string
}

/**
 * Finds a model, and reads its graph.
 *
 * @param given  path of the .onnx file, or of a folder that MLflow wrote
 * @throws UsageError, StartupError or ServiceLoadError with what to do, when it cannot be served
 */
export function findModel(given: string): FoundModel {
  // The address may hold a signature, which is a secret.
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(given))
    throw new UsageError('the model is given by a URL; download it first, and give the path of the file')
  const path = findFile(resolve(given), given)
  const { model } = new ModelFile({ name: basename(path), path, sha256: undefined })
  const weights = findWeights(path, model)
  const bytes = [path, ...weights.map(file => join(dirname(path), file))].reduce(
    (sum, file) => sum + statSync(file).size,
    0,
  )
  const stem = basename(path).replace(/\.onnx$/i, '')
  const isNameless = stem.toLowerCase() === 'model' && path !== resolve(given)
  return { path, model, weights, bytes, suggestedName: isNameless ? basename(resolve(given)) : stem }
}

function findFile(path: string, given: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new UsageError(`${given} does not exist`)
  if (found.isFile()) return path
  if (!found.isDirectory()) throw new UsageError(`${given} is no file: give the path of an .onnx file`)
  const inMlflow = findMlflowModel(path)
  if (inMlflow !== undefined) return inMlflow
  const models = readdirSync(path).filter(file => file.endsWith('.onnx'))
  const example = models.length > 0 ? `; it has ${models.slice(0, 3).join(', ')}` : ', and has no .onnx file'
  throw new UsageError(`${given} is a folder${example}: give the path of the file`)
}

/** The ONNX file of a folder in MLflow's format ("MLmodel", flavor onnx). */
function findMlflowModel(folder: string): string | undefined {
  const file = join(folder, 'MLmodel')
  if (!existsSync(file)) return undefined
  const flavor = /^ {2}onnx:\r?\n((?: {4,}.*(?:\r?\n|$))+)/m.exec(readFileSync(file, 'utf8'))?.[1]
  const data = flavor && /^ {4}data: *["']?([^"'\r\n]+?)["']? *$/m.exec(flavor)?.[1]
  if (data === undefined || data === '')
    throw new UsageError(`${file} has no flavor "onnx": log the model with mlflow.onnx.log_model`)
  // Newer versions write a folder of the model and its weights.
  const path = join(folder, data)
  if (!existsSync(path)) throw new UsageError(`${file} names ${data}, which does not exist`)
  return statSync(path).isDirectory() ? join(path, 'model.onnx') : path
}

function findWeights(path: string, model: OnnxModel): string[] {
  const name = basename(path)
  const listed = externalFiles(model)
  if (listed === undefined)
    throw new StartupError(
      `${name} has sparse tensors or lists of tensors, so the files with its weights cannot be told: save it with all weights in one file (onnx.save_model)`,
    )
  const files = listed.filter(file => file !== name) // large weights in the model's own file
  const outside = files.find(file => isAbsolute(file) || normalize(file).split(sep).includes('..'))
  if (outside !== undefined)
    throw new StartupError(
      `${name} has weights in ${outside}, outside its folder, where they are not read: save it again with the weights beside it`,
    )
  const missing = files.filter(file => !existsSync(join(dirname(path), file)))
  if (missing.length > 0)
    throw new StartupError(
      `${name} has weights in ${missing.slice(0, 3).join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not in ${dirname(path)}: copy ${missing.length === 1 ? 'it' : 'them'} there`,
    )
  return files
}

/** @throws UsageError which says the rule */
export function chooseName(given: string | undefined, suggested: string): string {
  if (given !== undefined) {
    if (serviceNamePattern.test(given)) return given
    throw new UsageError(`--name "${given}" is not a valid service name: ${serviceNameRule}`)
  }
  const name = suggested
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/-+$/, '')
  if (serviceNamePattern.test(name)) return name
  throw new UsageError(`"${suggested}" gives no valid service name; say one with --name (${serviceNameRule})`)
}
