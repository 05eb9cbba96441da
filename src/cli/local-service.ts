/** One service in the process of a command: one worker, no keys, and the answers that callers get over HTTP. */
import { tmpdir } from 'node:os'
import { buffer } from 'node:stream/consumers'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { type ReadService, readService, startService } from '../compose/open-service.ts'
import { readSettings } from '../compose/settings.ts'
import { StartupError } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import { answerScore } from '../protocols/azureml/score.ts'
import type { WireResponse } from '../protocols/http/wire.ts'
import { type LogEntry, LogFormat } from '../telemetry/log.ts'
import type { Project } from './project.ts'

/** An HTTP response to a score. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

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

/**
 * Requires services to be there.
 *
 * @returns the names that were given, or all there are
 * @throws StartupError which lists those there are
 */
export async function requireServices({ modelsDir }: Project, names: readonly string[]): Promise<string[]> {
  const known = await new FolderModelStore(modelsDir).listServices()
  if (known.length === 0)
    throw new StartupError(
      `no service in ${modelsDir}: a service is a folder with a service.json; make one with "npx scoring add model.onnx"`,
    )
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined)
    throw new StartupError(`no service "${unknown}" in ${modelsDir}; there are: ${known.join(', ')}`)
  return names.length > 0 ? [...names] : known
}

export class LocalService {
  readonly service: ScoringService
  readonly report: LoadReport

  private constructor(service: ScoringService, report: LoadReport) {
    this.service = service
    this.report = report
  }

  /**
   * @param log  receives what scripts and failures write, with its line ends; absent: standard error
   * @throws ServiceLoadError with the reason why it cannot score
   */
  static async load(read: ReadService, log?: (text: string) => void): Promise<LocalService> {
    const service = startService(read, undefined, { maxThreads: 1, logFormat: new LinesElsewhere(log) })
    try {
      return new LocalService(service, await service.loaded)
    } catch (failure) {
      await service.stop()
      throw failure
    }
  }

  async score(body: Uint8Array, contentType: string): Promise<Answer> {
    const request = {
      method: 'POST',
      url: `http://localhost/api/v1/service/${this.service.name}/score`,
      headers: new Headers({ 'content-type': contentType, 'content-length': String(body.length) }),
      query: new URLSearchParams(),
      arrayBuffer: async () => Uint8Array.from(body).buffer,
      pieces: async function* () {
        yield body
      },
    }
    const response = await answerScore(request, () => this.service, undefined)
    return {
      status: response.status,
      contentType: new Headers(response.headers).get('content-type') ?? '',
      body: await readAll(response.body),
    }
  }

  async stop(): Promise<void> {
    await this.service.stop()
  }
}

async function readAll(body: WireResponse['body']): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  return body instanceof ReadableStream ? buffer(body) : Buffer.from(body)
}

/** Standard output is for the result of the command, so what scripts print does not go there. */
class LinesElsewhere extends LogFormat {
  readonly #log: (text: string) => void

  constructor(log: (text: string) => void = text => process.stderr.write(text)) {
    super({ format: 'text', level: 'debug' }, () => new Date())
    this.#log = log
  }

  override format(entry: LogEntry): string {
    this.#log(super.format(entry))
    return ''
  }
}
