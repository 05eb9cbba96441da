/** Compresses files of a package, better than zlib does and on every machine to the same bytes. */
import { hash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { deflate } from 'libdeflate'
import type { Deflate } from './zip-file.ts'

/** Levels of libdeflate: the first that looks for the best parse, 5 % smaller than zlib's best; and a quick one. */
const best = 10
const quick = 6
/** Compressed files of at least this size are kept for the next package: ONNX Runtime and libvips take half a minute. */
const minKeptBytes = 2 ** 20
/** Those of two platforms and an earlier version. */
const maxKeptFiles = 10
/** To change with the library, whose versions may compress to different bytes. */
const keptPrefix = 'libdeflate-0.1.0'

/**
 * @param cache  folder for compressed files; it is made if it can be
 * @param isModel  models are compressed quickly: weights are hardly smaller after a long search
 */
export function openDeflate(cache: string, isModel: (path: string) => boolean): Deflate {
  return (content, path) => {
    if (isModel(path)) return deflate(content, quick)
    if (content.length < minKeptBytes) return deflate(content, best)
    const name = `${keptPrefix}-${best}-${hash('sha256', content)}`
    const kept = readKept(join(cache, name), content)
    if (kept) return kept
    const compressed = deflate(content, best)
    keep(cache, name, compressed)
    return compressed
  }
}

/** @returns undefined when there is none, or a damaged one */
function readKept(file: string, content: Uint8Array): Buffer | undefined {
  try {
    const kept = readFileSync(file)
    return inflateRawSync(kept).equals(content) ? kept : undefined
  } catch {
    return undefined
  }
}

function keep(cache: string, name: string, compressed: Uint8Array): void {
  const partial = join(cache, `${name}.${process.pid}`)
  try {
    mkdirSync(cache, { recursive: true })
    writeFileSync(partial, compressed)
    renameSync(partial, join(cache, name))
    const oldestFirst = readdirSync(cache)
      .map(each => ({ file: join(cache, each), writtenAt: statSync(join(cache, each)).mtimeMs }))
      .sort((one, other) => one.writtenAt - other.writtenAt)
    for (const { file } of oldestFirst.slice(0, -maxKeptFiles)) rmSync(file, { force: true })
  } catch {
    // A folder that cannot be written: the next package takes as long as this one.
  }
}
