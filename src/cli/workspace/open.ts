/** Opens what the commands for models, services and jobs work on. */
import { JobError, RequestError, Webservice, Workspace, WorkspaceError } from '../../client/index.ts'
import { StartupError } from '../../errors.ts'
import { StorageError } from '../../jobs/blob-store.ts'
import { RegistryError } from '../../models/repository/registry-error.ts'
import { scoreUrl } from '../score/target.ts'
import { UsageError } from '../usage-error.ts'

export interface WorkspaceOptions {
  readonly app?: string
  readonly models?: string
  readonly url?: string
  readonly json?: boolean
}

/** The workspace of `workspace.json`, or the project. */
export async function openWorkspace({ app, models, url }: WorkspaceOptions): Promise<Workspace> {
  if (app === undefined && models === undefined && url === undefined) return Workspace.fromConfig('.')
  return Workspace.fromFolder(app, { models, url })
}

/** Whether all that is known is where the app is, and a key: there is no workspace. */
export function isServiceAlone(options: WorkspaceOptions): options is WorkspaceOptions & { readonly url: string } {
  return Boolean(process.env.SCORING_KEY) && options.url !== undefined
}

/** A service to call: of the workspace, or at an address with the key in `SCORING_KEY`. */
export async function openService(name: string, options: WorkspaceOptions): Promise<Webservice> {
  if (isServiceAlone(options))
    return new Webservice({ url: scoreUrl(options.url, name), key: process.env.SCORING_KEY as string })
  return new Webservice(await openWorkspace(options), name)
}

/** Runs a command; failures that its user can do something about become one line. */
export async function withPlainErrors<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (failure) {
    if (failure instanceof RequestError) throw new StartupError(describe(failure), { cause: failure })
    if (failure instanceof TypeError && /Configuration: |InferenceConfig: |^entryScript: /.test(failure.message))
      throw new UsageError(failure.message)
    const isPlain = [WorkspaceError, RegistryError, StorageError, JobError].some(type => failure instanceof type)
    throw isPlain ? new StartupError((failure as Error).message, { cause: failure }) : failure
  }
}

function describe({ message, code, status }: RequestError): string {
  const facts = [code, status === undefined ? undefined : `HTTP status ${status}`].filter(each => each !== undefined)
  return facts.length === 0 ? message : `${message} (${facts.join(', ')})`
}

export const printJson = (value: unknown): void => console.log(JSON.stringify(value, undefined, 2))

/** @returns e.g. `team=risk, stage=two` */
export const formatLabels = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join(', ')
