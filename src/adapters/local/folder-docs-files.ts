import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress, gzip } from 'node:zlib'
import type { DocsFile, DocsFileName, DocsFiles } from '../../protocols/ops/docs-files.ts'

const decompress = promisify(brotliDecompress)
const compress = promisify(gzip)

/** The files of the interactive page as `build.ts` puts them into `dist/docs/`: each compressed, `<name>.br`. */
export class FolderDocsFiles implements DocsFiles {
  readonly #folder: string
  readonly #files = new Map<DocsFileName, Promise<DocsFile>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  fetchFile(name: DocsFileName): Promise<DocsFile> {
    const known = this.#files.get(name)
    if (known) return known
    const file = this.#read(name)
    this.#files.set(name, file)
    file.catch(() => this.#files.delete(name)) // the next read tries again
    return file
  }

  async #read(name: DocsFileName): Promise<DocsFile> {
    const brotli = await readFile(join(this.#folder, `${name}.br`))
    let plain: Promise<Uint8Array> | undefined
    let gzipped: Promise<Uint8Array> | undefined
    const readPlain = () => (plain ??= decompress(brotli))
    return {
      version: hash('sha256', brotli).slice(0, 16),
      brotli,
      gzipped: () => (gzipped ??= readPlain().then(content => compress(content))),
      plain: readPlain,
    }
  }
}
