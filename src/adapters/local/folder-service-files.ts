import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { ServiceFiles } from '../../jobs/score/model-digest.ts'
import { ownDocumentFiles } from '../../models/definition/own-documents.ts'
import type { ServiceSpec } from '../../models/repository/service-spec.ts'

/**
 * Lists the files of a service that decide its answers: definition, models with the data beside them, scripts and their
 * imports. It leaves out unused versions of models, documents for people, and files that begin with a dot.
 */
export class FolderServiceFiles implements ServiceFiles {
  readonly #root: string

  /** @param root  folder of services */
  constructor(root: string) {
    this.#root = root
  }

  async list({ service, models }: ServiceSpec): Promise<string[]> {
    const folder = join(this.#root, service)
    const used = new Set(models.map(({ path }) => relative(folder, path).split(sep)[0]))
    const documents = new Set<string>(Object.values(ownDocumentFiles).flat())
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => entry.isFile() || entry.isSymbolicLink())
      .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep))
      .filter(([top = '', ...rest]) => (rest.length > 0 ? used.has(top) || !/^\d+$/.test(top) : !documents.has(top)))
      .filter(parts => !parts.some(part => part.startsWith('.')))
      .map(parts => parts.join('/'))
      .sort()
  }

  read({ service }: ServiceSpec, name: string): AsyncIterable<Uint8Array> {
    return createReadStream(join(this.#root, service, name))
  }
}
