/**
 * A model as `scoring optimize` left it beside the model's own file, for `model.onnx`:
 *
 * - `model.optimized.onnx`: the graph as ONNX Runtime optimized it
 * - `model.optimized-0123456789ab.weights`: its weights, which the runtime maps into memory: all threads share the pages
 * - `model.optimized.json`: what both were made from
 *
 * The name of the weights stands in the graph and is made from all that they depend on, and the graph's digest stands in
 * the record: files of two runs of the command are never taken for one.
 */
import './telemetry-off.ts'

import { type BinaryLike, createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { arch, cpus, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { externalFiles } from '../../models/graph/external-files.ts'
import { updatesStatistics } from '../../models/graph/training-statistics.ts'
import type { ModelFile } from './model-file.ts'

type Accelerator = ServiceDefinition['accelerator']

/** Changes when the files are written in another way. */
const formatVersion = 1

/** Everything that an optimized graph depends on. */
export interface Pins {
  readonly format: number
  readonly onnxRuntime: string
  readonly executionProvider: 'cpu'
  readonly graphOptimization: Accelerator['graphOptimization']
  /** The runtime chooses layouts of weights by it, and folds constants with its kernels. */
  readonly processor: string
  /** SHA-256 of the model's file and of those with its weights, by name. */
  readonly model: Readonly<Record<string, string>>
}

/** The record beside an optimized graph. */
export interface OptimizedRecord extends Pins {
  readonly optimized: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>
}

/** @returns the paths of the optimized files of a model */
export function optimizedPaths(modelPath: string): { graph: string; record: string } {
  const stem = modelPath.replace(/\.onnx$/, '')
  return { graph: `${stem}.optimized.onnx`, record: `${stem}.optimized.json` }
}

/** @returns the name of the weights that belong to an optimized graph */
export function weightsName(modelPath: string, pins: Pins): string {
  const id = createHash('sha256').update(JSON.stringify(pins)).digest('hex').slice(0, 12)
  return `${basename(modelPath).replace(/\.onnx$/, '')}.optimized-${id}.weights`
}

/**
 * Reads what the optimized graph of a model would depend on, here and now. It hashes the model's files whole.
 *
 * @returns a sentence instead when the model has to run as its file has it
 * @throws Error of the file system
 */
export function readPins(file: ModelFile, accelerator: Accelerator): Pins | string {
  const graphOptimization = optimizationLevel(file, accelerator)
  if (graphOptimization === 'disabled') {
    return accelerator.graphOptimization === 'disabled'
      ? 'accelerator.graphOptimization is "disabled"'
      : 'it has a node in training mode, which optimization would break'
  }
  const weights = externalFiles(file.model)
  if (weights === undefined) return 'it has sparse tensors, whose weights may lie in unknown files'
  const folder = dirname(file.path)
  const names = [basename(file.path), ...weights.filter(name => name !== basename(file.path))]
  return {
    ...environment(),
    graphOptimization,
    model: Object.fromEntries(
      names.map((name, index) => [name, (index === 0 && file.sha256) || digestFile(join(folder, name))]),
    ),
  }
}

/** The level that a session of the model is opened with: see `updatesStatistics`. */
export function optimizationLevel({ model }: ModelFile, { graphOptimization }: Accelerator): Pins['graphOptimization'] {
  return updatesStatistics(model) ? 'disabled' : graphOptimization
}

type FoundOptimized =
  | { readonly kind: 'none' }
  /** `path`: to be opened without further optimization, on the CPU. */
  | { readonly kind: 'usable'; readonly path: string }
  | { readonly kind: 'unusable'; readonly why: string }

/** Looks for the optimized graph of a model, and whether it was made from this model for this runtime and processor. */
export function findOptimized(file: ModelFile, accelerator: Accelerator): FoundOptimized {
  const { graph, record: recordPath } = optimizedPaths(file.path)
  try {
    if (!statSync(recordPath, { throwIfNoEntry: false })) return { kind: 'none' }
    const record = JSON.parse(readFileSync(recordPath, 'utf8')) as OptimizedRecord
    const why = findMismatch(file, accelerator, record)
    return why === undefined ? { kind: 'usable', path: graph } : { kind: 'unusable', why }
  } catch (failure) {
    return { kind: 'unusable', why: `${basename(recordPath)} cannot be used (${(failure as Error).message})` }
  }
}

/** @returns a sentence about the first difference from the record; cheap checks come first */
function findMismatch(file: ModelFile, accelerator: Accelerator, record: OptimizedRecord): string | undefined {
  const { format, onnxRuntime, executionProvider, processor } = environment()
  if (record.format !== format || record.executionProvider !== executionProvider)
    return 'it was made by another version of this app'
  if (record.onnxRuntime !== onnxRuntime)
    return `it was made by ONNX Runtime ${record.onnxRuntime}, and this is ${onnxRuntime}`
  const level = optimizationLevel(file, accelerator)
  if (record.graphOptimization !== level)
    return `it was made with graphOptimization "${record.graphOptimization}", and the model runs with "${level}"`
  if (record.processor !== processor)
    return `it was made for the processor "${record.processor}", and this is "${processor}"`
  const folder = dirname(file.path)
  const { graph } = optimizedPaths(file.path)
  for (const [name, { bytes, sha256 }] of Object.entries(record.optimized)) {
    const path = join(folder, basename(name))
    const { size } = statSync(path)
    if (size !== bytes) return `${name} has ${size} bytes, and was written with ${bytes}`
    // Weights are as large as the model. They are checked where service.json asks for it, as the model is.
    const isChecked = path === graph || file.sha256 !== undefined
    if (isChecked && digestFile(path) !== sha256) return `${name} was changed after it was written`
  }
  if (record.optimized[basename(graph)] === undefined) return 'its record names no graph'
  const pins = readPins(file, accelerator)
  if (typeof pins === 'string') return pins
  const names = new Set([...Object.keys(pins.model), ...Object.keys(record.model)])
  const changed = [...names].find(name => pins.model[name] !== record.model[name])
  return changed === undefined ? undefined : `${changed} was changed after it was made`
}

/** @returns SHA-256 of a file, in hexadecimal */
export function digestFile(path: string): string {
  const hash = createHash('sha256')
  // Small enough to stay in the processor's cache between being read and being hashed.
  const buffer = Buffer.allocUnsafeSlow(256 * 1024)
  const file = openSync(path, 'r')
  try {
    for (;;) {
      const length = readSync(file, buffer, 0, buffer.length, null)
      if (length === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, length) as BinaryLike)
    }
  } finally {
    closeSync(file)
  }
}

function environment() {
  return {
    format: formatVersion,
    onnxRuntime: ort.env.versions.node as string,
    executionProvider: 'cpu',
    processor: describeProcessor(),
  } as const
}

/** The instruction sets that ONNX Runtime chooses kernels and layouts by, as Linux names them. */
const instructionSets = new Set(
  'avx avx2 fma f16c avx_vnni avx512f avx512bw avx512dq avx512vl avx512_vnni avx512_bf16 amx_tile amx_int8 amx_bf16 asimd asimdhp asimddp fphp i8mm bf16 sve sve2 sme sme2'.split(
    ' ',
  ),
)

let processor: string | undefined

/** @returns such as `linux x64: avx avx2 fma f16c` */
function describeProcessor(): string {
  processor ??= `${platform()} ${arch()}: ${readInstructionSets() ?? cpus()[0]?.model ?? 'unknown'}`
  return processor
}

function readInstructionSets(): string | undefined {
  try {
    // The part of the first processor will do: the kernel takes a while to write those of all.
    const buffer = Buffer.alloc(8192)
    const file = openSync('/proc/cpuinfo', 'r')
    const length = readSync(file, buffer)
    closeSync(file)
    const [, flags] = /^(?:flags|Features)\s*: (.*)$/m.exec(buffer.toString('latin1', 0, length)) ?? []
    return flags
      ?.split(' ')
      .filter(flag => instructionSets.has(flag))
      .sort()
      .join(' ')
  } catch {
    return undefined // not Linux
  }
}
