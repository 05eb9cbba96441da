import { type BinaryLike, createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

/** Small enough to stay in the processor's cache between being read and being summed up. */
const chunkBytes = 256 * 1024

/** What is known of the contents of a model file. */
export interface Fingerprint {
  readonly sha256: string
  /** Its weights lie in files beside it, which the digest does not cover. */
  readonly hasExternalData: boolean
}

/** `"location"` as the first field of an entry of `TensorProto.external_data`, with its tag and length (onnx.proto3). */
const externalDataMark = Buffer.from('\n\x08location')

/** Of a file that is in memory. */
export function fingerprintOfBytes(bytes: Uint8Array): Fingerprint {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    hasExternalData: content.includes(externalDataMark),
  }
}

/** Reads the whole file. */
export function fingerprintOf(path: string): Fingerprint {
  const hash = createHash('sha256')
  let hasExternalData = false
  let end: Buffer = Buffer.alloc(0)
  for (const chunk of chunksOf(path)) {
    hash.update(chunk as BinaryLike)
    hasExternalData ||=
      chunk.includes(externalDataMark) ||
      Buffer.concat([end, chunk.subarray(0, externalDataMark.length)]).includes(externalDataMark)
    end = Buffer.from(chunk.subarray(-externalDataMark.length)) // the chunk's memory is used again
  }
  return { sha256: hash.digest('hex'), hasExternalData }
}

/** CRC-32 (zlib's): it notices damage; against malice stands the mode of the folder. */
export function checksumOf(path: string): number {
  let sum = 0
  for (const chunk of chunksOf(path)) sum = crc32(chunk, sum)
  return sum
}

function* chunksOf(path: string): Generator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes)
  const file = openSync(path, 'r')
  try {
    for (;;) {
      const length = readSync(file, buffer, 0, chunkBytes, null)
      if (length === 0) return
      yield buffer.subarray(0, length)
    }
  } finally {
    closeSync(file)
  }
}

/**
 * The fingerprint of a file that has not changed since it was last taken: reading 100 MB again would cost as much as the
 * cache wins. What has the same place, size, inode and times of writing (to the nanosecond; the system alone sets the time
 * of change) is taken for the same. A digest that service.json gives is checked against the contents all the same.
 */
export function rememberedFingerprint(folder: string, path: string): Fingerprint {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const identity = [path, dev, ino, size, mtimeNs, ctimeNs].join('\n')
  const file = join(folder, `${createHash('sha256').update(path).digest('hex').slice(0, 32)}.fingerprint`)
  try {
    const known = JSON.parse(readFileSync(file, 'utf8')) as { identity: string } & Fingerprint
    if (known.identity === identity && /^[0-9a-f]{64}$/.test(known.sha256)) return known
  } catch {
    // None yet, or a damaged one: it is written anew.
  }
  const fingerprint = fingerprintOf(path)
  const unfinished = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(unfinished, JSON.stringify({ identity, ...fingerprint }), { mode: 0o600 })
  renameSync(unfinished, file)
  return fingerprint
}
