import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { unfinishedPrefix } from './cache-folder.ts'
import { checksumOf } from './file-fingerprint.ts'
import { machineKey } from './machine-key.ts'

type Level = ServiceDefinition['accelerator']['graphOptimization']

/**
 * Below it, opening the file is as fast as finding it here and proving that it is whole. Convolutions of 1 MB take 2 ms
 * either way, of 4 MB 9 and 3 ms, of 50 MB 139 and 36 ms. Graphs of nothing but MatMul gain nothing at any size, because
 * the runtime packs their weights anew whenever it opens them.
 */
export const leastBytes = 4 * 2 ** 20

/** The file of an entry that is the model; its weights lie beside it. */
export const modelFile = 'model.onnx'
export const weightsFile = 'weights.bin'
const manifestFile = 'entry.json'

/** What an entry says of itself. */
interface Manifest {
  /** Everything that its contents depend on. */
  readonly key: string
  /** Why this model is not opened from the cache; its entry has no files then. */
  readonly unusable?: string
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly crc32: number }>>
}

/** `path`: to be opened without further optimization, on the CPU. */
export type CacheAnswer =
  | { readonly kind: 'hit'; readonly path: string }
  | { readonly kind: 'miss' }
  | { readonly kind: 'unusable'; readonly why: string }

/**
 * Models as ONNX Runtime has optimized them for this machine and the CPU, in a folder that only this user can write to.
 *
 * An entry is an ONNX file with its weights beside it, which the runtime maps into memory: opening it reads nothing, all
 * threads share the pages, and weights lie where the file has them aligned. (`.ort` bytes used directly would be read
 * by each thread, and run ResNet-50 3 to 8 % slower: their weights lie anywhere.) Optimized graphs of other execution
 * providers depend on device and driver, and are not kept.
 */
export class ModelCache {
  readonly folder: string

  /** @param folder  opened by `openCacheFolder` */
  constructor(folder: string) {
    this.folder = folder
  }

  keyOf(sha256: string, level: Level): string {
    return `${machineKey()}\n${level}\n${sha256}`
  }

  entryPath(key: string): string {
    return join(this.folder, createHash('sha256').update(key).digest('hex').slice(0, 40))
  }

  /** Proves that the entry is whole and ours before anybody opens it; what is not is removed. */
  find(key: string): CacheAnswer {
    const entry = this.entryPath(key)
    try {
      const manifest = readManifest(entry)
      if (manifest === undefined) return { kind: 'miss' }
      if (manifest.key !== key) throw new Error('it is of another model, runtime or machine')
      if (manifest.unusable !== undefined) return { kind: 'unusable', why: manifest.unusable }
      for (const [name, { bytes, crc32 }] of Object.entries(manifest.files)) {
        const path = join(entry, name)
        const found = lstatSync(path)
        if (!found.isFile() || found.size !== bytes || checksumOf(path) !== crc32) throw new Error(`${name} is damaged`)
      }
      if (!(modelFile in manifest.files)) throw new Error('it has no model')
      touch(entry)
      return { kind: 'hit', path: join(entry, modelFile) }
    } catch {
      this.discard(key)
      return { kind: 'miss' }
    }
  }

  /** Moved away first, so that nobody finds half of it. What is mapped stays until it is closed. */
  discard(key: string): void {
    const away = join(this.folder, `${unfinishedPrefix}${Math.random().toString(36).slice(2)}`)
    try {
      renameSync(this.entryPath(key), away)
      rmSync(away, { recursive: true, force: true })
    } catch {
      // Another thread did it; or Windows has it mapped, and the entry stays as it is: nobody opens it.
    }
  }

  /**
   * Puts an entry in place, all at once. Where another writer was faster, his stays.
   *
   * @param unfinished  folder in the cache with the files, or without any when the model is `unusable`
   */
  publish(key: string, unfinished: string, names: readonly string[], unusable?: string): void {
    const files = Object.fromEntries(
      names.map(name => {
        const path = join(unfinished, name)
        return [name, { bytes: lstatSync(path).size, crc32: checksumOf(path) }]
      }),
    )
    const manifest: Manifest = { key, files, ...(unusable !== undefined && { unusable }) }
    writeFileSync(join(unfinished, manifestFile), JSON.stringify(manifest), { mode: 0o600 })
    try {
      renameSync(unfinished, this.entryPath(key))
    } catch (failure) {
      const { code = '' } = failure as NodeJS.ErrnoException
      if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(code)) throw failure
      rmSync(unfinished, { recursive: true, force: true })
    }
  }
}

function readManifest(entry: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(entry, manifestFile), 'utf8')) as Manifest
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT' && !lstatSync(entry, { throwIfNoEntry: false })) return
    throw failure
  }
}

/** What was used last goes last. */
function touch(entry: string): void {
  const now = new Date()
  try {
    utimesSync(entry, now, now)
  } catch {
    // It counts as not used, no more.
  }
}
