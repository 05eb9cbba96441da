import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { ServiceFiles } from '../../jobs/score/model-digest.ts'
import { ownDocumentFiles } from '../../models/definition/own-documents.ts'
import { hasScript, type ServiceSpec } from '../../models/repository/service-spec.ts'
import { FolderModelStore } from './folder-model-store.ts'

/** Tags are no part of a version that decides about answers. */
const records = /^\d+\/version\.json$/
/** What scripts import from beside the services. */
const code = /\.[cm]?[jt]s$/

/**
 * Lists the files of a service that decide its answers: definition, models with the data beside them, scripts and their
 * imports, also those from folders that are no services. It leaves out the definition of a service with deployments, which has
 * their weights, unused versions of models, documents for people, and
 * files that begin with a dot.
 */
export class FolderServiceFiles implements ServiceFiles {
  async list(spec: ServiceSpec): Promise<string[]> {
    const { folder, models, deployments } = spec
    const used = new Set(models.map(({ path }) => relative(folder, path).split(sep)[0]))
    const documents = new Set<string>(Object.values(ownDocumentFiles).flat())
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const own = entries
      .filter(entry => entry.isFile() || entry.isSymbolicLink())
      .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep))
      .filter(([top = '', ...rest]) => (rest.length > 0 ? used.has(top) || !/^\d+$/.test(top) : !documents.has(top)))
      .filter(parts => !parts.some(part => part.startsWith('.')))
      .map(parts => parts.join('/'))
      .filter(path => !(deployments && path === 'service.json') && !records.test(path))
    return [...own, ...(hasScript(spec) ? await listShared(folder) : [])].sort()
  }

  read({ folder }: ServiceSpec, name: string): AsyncIterable<Uint8Array> {
    return createReadStream(join(folder, name))
  }
}

/** @returns names from the folder of a service, which begin with `../` */
async function listShared(folder: string): Promise<string[]> {
  const { shared } = await new FolderModelStore(dirname(folder)).readFiles()
  return [...shared.keys()].filter(path => code.test(path)).map(path => `../${path}`)
}
