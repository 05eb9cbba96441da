/** A file that holds what the process prints too, for `scoring logs`. */
import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs'

/** A file of this size is renamed, and a new one is begun; the one that was renamed before is gone then. */
const maxBytes = 16 * 2 ** 20

export class LogFile {
  readonly #path: string
  #stream: WriteStream
  #bytes: number

  /** Appends: the host may have crashed and been restarted. */
  constructor(path: string) {
    this.#path = path
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    this.#stream = this.#open()
  }

  append(chunk: string | Uint8Array): void {
    this.#bytes += chunk.length
    this.#stream.write(chunk)
    if (this.#bytes > maxBytes) this.#rotate()
  }

  /** Copies everything that is printed from now on. */
  copyOutput(): void {
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream)
      stream.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
        this.append(chunk)
        return write(chunk, ...rest)
      }) as typeof stream.write
    }
  }

  #rotate(): void {
    try {
      renameSync(this.#path, `${this.#path}.1`)
    } catch {
      // The folder is gone or read-only; the file grows on.
    }
    this.#bytes = 0
    this.#stream.end()
    this.#stream = this.#open()
  }

  /** A full disk or a folder that is gone must not end the app: what is printed is printed all the same. */
  #open(): WriteStream {
    return createWriteStream(this.#path, { flags: 'a', mode: 0o600 }).on('error', () => {})
  }
}
