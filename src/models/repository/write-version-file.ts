import { createHash } from 'node:crypto'
import { RegistryError } from './registry-error.ts'
import type { Content, RepositoryFiles } from './repository-files.ts'
import type { VersionFile } from './version-record.ts'

interface NewFile {
  /** Of the version, with `/` at its end. */
  readonly folder: string
  readonly path: string
  readonly content: Content
  /** As it is to be; undefined: any. */
  readonly sha256: string | undefined
}

/**
 * Writes a file of a version that this process registers, and measures it on the way.
 *
 * @throws RegistryError DIGEST_MISMATCH, CONFLICT
 */
export async function writeVersionFile(
  files: RepositoryFiles,
  { folder, path, content, sha256 }: NewFile,
): Promise<VersionFile> {
  let measure = new Measure()
  const measuring = async function* () {
    measure = new Measure() // a storage may begin again
    for await (const piece of content()) {
      measure.add(piece)
      yield piece
    }
  }
  const isCreated = await files.create(folder + path, measuring)
  const own = isCreated ? measure.result() : await measurePieces(content())
  requireDigest(path, own.sha256, sha256)
  if (isCreated) return { path, ...own }
  // After a broken connection it may have been written all the same.
  const entry = (await files.list(folder + path)).get(folder + path)
  const found = entry && (await measurePieces(files.read(folder + path, entry.version)))
  if (found?.sha256 === own.sha256) return { path, ...own }
  throw new RegistryError('CONFLICT', `${folder}${path} was written by another process meanwhile`)
}

/** @param what  the file, for the message. @throws RegistryError DIGEST_MISMATCH */
export function requireDigest(what: string, actual: string, expected: string | undefined): void {
  if (expected === undefined || actual === expected) return
  throw new RegistryError('DIGEST_MISMATCH', `${what} has the SHA-256 ${actual}; expected ${expected}`)
}

class Measure {
  readonly #hash = createHash('sha256')
  #bytes = 0

  add(piece: Uint8Array): void {
    this.#hash.update(piece)
    this.#bytes += piece.length
  }

  result(): { bytes: number; sha256: string } {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }
}

async function measurePieces(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  const measure = new Measure()
  for await (const piece of pieces) measure.add(piece)
  return measure.result()
}
