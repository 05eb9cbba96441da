/** A file of a repository, as a listing knows it. */
export interface FileEntry {
  readonly bytes: number
  /** An opaque text that is another one whenever the file has changed: an ETag, or size and time. */
  readonly version: string
}

/** Bytes that can be read from their beginning as often as needed. */
export type Content = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/**
 * The files of a repository, by paths with `/` from its root. This is a port: `adapters/local/folder-repository-files.ts` and
 * `adapters/azure/blob-repository-files.ts` implement it. A file appears whole or not at all.
 */
export interface RepositoryFiles {
  /** Where it is, for messages: a folder, or a URL without a signature. */
  readonly location: string
  /** Lists all files whose path begins with `prefix`, sorted by path. There are none where there is no repository yet. */
  list(prefix: string): Promise<ReadonlyMap<string, FileEntry>>
  /**
   * Reads a file.
   *
   * @param version  of a listing: the file is to be the same still
   * @throws FileChanged when it has another version, or is gone
   */
  read(path: string, version: string): AsyncIterable<Uint8Array>
  /** Reads a small file. @returns undefined when there is none */
  readText(path: string): Promise<{ readonly text: string; readonly version: string } | undefined>
  /** Writes a file that does not exist yet. @returns false when it exists; it is not changed */
  create(path: string, content: Content): Promise<boolean>
  /** Overwrites the version of a small file. @returns false when it has another version, or is gone */
  replace(path: string, text: string, version: string): Promise<boolean>
  /** Does nothing when there is no such file. */
  remove(path: string): Promise<void>
}

/** A file has another version than the one that was listed, or is gone. */
export class FileChanged extends Error {
  override readonly name = 'FileChanged'

  constructor(path: string) {
    super(`${path} has changed while it was read`)
  }
}

/** @returns the content of a text */
export function textContent(text: string): Content {
  const bytes = new TextEncoder().encode(text)
  return () => (bytes.length === 0 ? [] : [bytes])
}
