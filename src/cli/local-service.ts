/** One service in the process of a command: one worker, no keys, and the answers that callers get over HTTP. */
import { tmpdir } from 'node:os'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { type ReadService, readService } from '../compose/open-service.ts'
import { loadAlone, type ServiceAlone } from '../compose/service-alone.ts'
import { readSettings } from '../compose/settings.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import { type Answer, readAnswer } from './answer.ts'
import type { Project } from './project.ts'

/** Reads the files of a service as the app does: with the execution providers and other settings of the project. */
export async function readLocalService(project: Project, name: string): Promise<ReadService> {
  useSettings(project)
  const { executionProviders } = readSettings(project.environment, {
    appRoot: project.root,
    processorCount: 1,
    temporaryDir: tmpdir(),
  })
  return readService(new FolderModelStore(project.modelsDir), name, executionProviders)
}

/** Scripts see the variables of `local.settings.json`, as in the app. */
function useSettings({ local }: Project): void {
  Object.assign(process.env, local.values)
}

/** A service in the process of a command. */
export class LocalService {
  readonly report: LoadReport
  readonly definition: ServiceDefinition
  readonly #alone: ServiceAlone

  private constructor(alone: ServiceAlone) {
    this.report = alone.report
    this.definition = alone.service.definition
    this.#alone = alone
  }

  /**
   * @param log  receives the lines of scripts and of failures; absent: standard error, because standard output is for the result
   * @throws ServiceLoadError with the reason why it cannot score
   */
  static async load(
    read: ReadService,
    log: (line: string) => void = line => console.error(line),
  ): Promise<LocalService> {
    return new LocalService(await loadAlone(read, { log }))
  }

  /** The service as the documents describe it. */
  get service(): ScoringService {
    return this.#alone.service
  }

  async score(body: Uint8Array, contentType: string): Promise<Answer> {
    const headers = { 'content-type': contentType, 'content-length': String(body.length) }
    return readAnswer(await this.#alone.fetch({ method: 'POST', headers, body: Buffer.from(body) }))
  }

  async stop(): Promise<void> {
    await this.#alone.stop()
  }
}
