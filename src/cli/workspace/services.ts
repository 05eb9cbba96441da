import {
  type DeploymentParameters,
  FlexWebservice,
  InferenceConfig,
  Model,
  Webservice,
  type Workspace,
} from '../../client/index.ts'
import { StartupError } from '../../errors.ts'
import { formatList, formatTable, onOneLine, openTerminal, type Terminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { parseModelId } from './models.ts'
import { formatLabels, openWorkspace, printJson, type WorkspaceOptions } from './open.ts'

export interface ServiceListOptions extends WorkspaceOptions {
  readonly model?: string
  readonly tag?: Readonly<Record<string, string>>
}

export async function listServices(options: ServiceListOptions): Promise<void> {
  const workspace = await openWorkspace(options)
  const tags = Object.entries(options.tag ?? {})
  const services = await Webservice.list(workspace, { modelName: options.model, tags })
  if (options.json) return printJson(services.map(describeService))
  if (services.length === 0) return console.error(`no service in ${workspace.name}`)
  const terminal = openTerminal()
  const rows = services.map(service => [
    terminal.paint('bold', service.name),
    paintState(service, terminal),
    service.status.version ?? '',
    describeAuth(service),
    formatModels(service.models),
    formatLabels(service.tags),
  ])
  const columns = [
    ...[{ title: 'SERVICE' }, { title: 'STATE' }, { title: 'SERVED' }, { title: 'CALLERS' }],
    ...[
      { title: 'MODELS', overflow: 'cut' as const },
      { title: 'TAGS', overflow: 'cut' as const },
    ],
  ]
  console.log(formatList(rows, terminal, columns))
  const unknown = services.find(({ state }) => state === 'Unknown')
  if (unknown) console.error(`\nThe states are unknown: ${onOneLine(unknown.status.reason ?? '')}`)
}

export async function showService(name: string, options: WorkspaceOptions): Promise<void> {
  const service = await Webservice.get(await openWorkspace(options), name)
  if (options.json) return printJson(describeService(service))
  const terminal = openTerminal()
  const { reason, version, notes = [] } = service.status
  const rows = [
    ['state', `${paintState(service, terminal)}${reason ? `: ${onOneLine(reason)}` : ''}`],
    ['served version', version ?? ''],
    ['models', formatModels(service.models)],
    ['callers', describeAuth(service)],
    ['scoring', service.scoringUri],
    ['OpenAPI', service.swaggerUri],
    ['description', onOneLine(service.description)],
    ['tags', formatLabels(service.tags)],
    ['properties', formatLabels(service.properties)],
    ...notes.map(note => ['note', onOneLine(note)]),
  ].filter(([, value]) => value)
  console.log(terminal.paint('bold', name))
  console.log(formatTable(rows as string[][], terminal, { columns: [{}, { overflow: 'wrap' }], indent: 2 }))
}

export async function deleteService(name: string, options: WorkspaceOptions): Promise<void> {
  await new Webservice(await openWorkspace(options), name).delete()
  if (options.json) printJson({ name, isDeleted: true })
  else console.log(`${name} is deleted; its models stay registered, and its keys stay where they are.`)
}

export interface DeployOptions extends WorkspaceOptions {
  readonly model?: readonly string[]
  readonly script?: string
  readonly source?: string
  readonly sample?: string
  readonly auth?: 'key' | 'none'
  readonly tag?: Readonly<Record<string, string>>
  readonly description?: string
  readonly timeoutMs?: number
  readonly overwrite?: boolean
  readonly deployment?: string
  readonly wait: boolean
}

export interface TrafficOptions extends WorkspaceOptions {
  readonly mirror?: Readonly<Record<string, string>>
  readonly stickyHeader?: string
  readonly delete?: string
}

/** Shows the deployments of a service, or changes who answers how many requests. */
export async function traffic(name: string, shares: readonly string[], options: TrafficOptions): Promise<void> {
  const service = await Webservice.get(await openWorkspace(options), name)
  const weights = shares.length === 0 ? undefined : readPercents(shares.map(share => share.split('=', 2)))
  const mirror = readPercents(Object.entries(options.mirror ?? {}))
  const { stickyHeader } = options
  const isChange = weights !== undefined || Object.keys(mirror).length > 0 || stickyHeader !== undefined
  if ((isChange || options.delete !== undefined) && Object.keys(service.deployments).length === 0)
    throw new StartupError(describeSingle(name))
  if (isChange)
    await service.setTraffic({ weights, mirror, stickyHeader: stickyHeader === 'off' ? null : stickyHeader })
  if (options.delete !== undefined) await service.deleteDeployment(options.delete)
  if (options.json) return printJson(service.deployments)
  const rows = Object.entries(service.deployments).map(([deployment, { weight, mirror: share, models }]) => [
    deployment,
    `${weight}%`,
    share > 0 ? `${share}%` : '',
    formatModels(models),
  ])
  if (rows.length === 0) return console.error(describeSingle(name))
  const right = { align: 'right' as const }
  const columns = [
    { title: 'DEPLOYMENT' },
    { title: 'TRAFFIC', ...right },
    { title: 'MIRROR', ...right },
    { title: 'MODELS' },
  ]
  console.log(formatTable(rows, openTerminal(), { columns }))
}

/** @returns e.g. `churn:2, iris` */
function formatModels(models: Webservice['models']): string {
  return models.map(({ name, version }) => (version === undefined ? name : `${name}:${version}`)).join(', ')
}

const describeSingle = (name: string) =>
  `${name} has one deployment only; add another: npx scoring deploy ${name} --model <name:version> --deployment green`

function readPercents(pairs: readonly (readonly string[])[]): Record<string, number> {
  return Object.fromEntries(
    pairs.map(([name = '', percent = '']) => {
      if (!/^\d{1,3}$/.test(percent)) throw new UsageError(`"${name}" needs a percentage; write e.g. blue=90 green=10`)
      return [name, Number(percent)]
    }),
  )
}

/** Makes a service, or changes what is named of one that exists. */
export async function deploy(name: string, options: DeployOptions): Promise<void> {
  if (options.deployment !== undefined) refuseOthers(options)
  const workspace = await openWorkspace(options)
  const { service, isChanged } = await writeService(workspace, name, options)
  console.error(isChanged ? `${name} is updated in ${workspace.name}` : `${name} is written to ${workspace.name}`)
  if (options.wait) await service.waitForDeployment({ showOutput: line => console.error(onOneLine(line)) })
  else await service.updateDeploymentState()
  if (options.json) return printJson(describeService(service))
  console.log(`scoring  ${service.scoringUri}`)
  if (service.authEnabled) console.log(`key      npx scoring keys show ${name}`)
}

/** Options that a deployment does not have; they would be left out without a word. */
const ofWholeService = ['script', 'source', 'sample', 'auth', 'tag', 'description', 'timeoutMs', 'overwrite'] as const

function refuseOthers(options: DeployOptions): void {
  const given = ofWholeService.find(key => options[key] !== undefined)
  if (given === undefined) return
  const flag = given.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  throw new UsageError(`--deployment adds models alone; leave out --${flag}, which belongs to the whole service`)
}

/** @returns whether it was there and has been changed, not replaced */
async function writeService(
  workspace: Workspace,
  name: string,
  options: DeployOptions,
): Promise<{ readonly service: Webservice; readonly isChanged: boolean }> {
  const { script, source, sample, auth, tag: tags, description, timeoutMs, overwrite = false } = options
  const named = (options.model ?? []).map(parseModelId)
  const models = await Promise.all(named.map(model => Model.get(workspace, model.name, model.version)))
  const hasInference = script !== undefined || sample !== undefined
  const inferenceConfig = new InferenceConfig({ entryScript: script, sourceDirectory: source, sample })
  const parameters: DeploymentParameters = {
    ...{ description, tags, scoringTimeoutMs: timeoutMs },
    authEnabled: auth === undefined ? undefined : auth === 'key',
  }
  const isThere = (await workspace.store.readService(name)) !== undefined
  const isChanged = isThere && !overwrite
  const isNamed = models.length > 0 || hasInference || Object.values(parameters).some(value => value !== undefined)
  if (isChanged && !isNamed)
    throw new UsageError(`say what to change of "${name}", e.g. --model ${name}:2 or --tag stage=two`)
  if (!isThere && models.length === 0 && script === undefined)
    throw new UsageError(`there is no service "${name}" yet; name its model, e.g. --model ${name}`)
  const service = new Webservice(workspace, name)
  if (options.deployment !== undefined) {
    if (!isThere)
      throw new UsageError(`--deployment adds to a service, and there is no service "${name}"; deploy it first`)
    await service.createDeployment(options.deployment, { models })
    return { service, isChanged }
  }
  if (isChanged) {
    await service.update({
      ...parameters,
      models: models.length > 0 ? models : undefined,
      inferenceConfig: hasInference ? inferenceConfig : undefined,
    })
    return { service, isChanged }
  }
  const configuration = FlexWebservice.deployConfiguration(parameters)
  return {
    service: await Model.deploy(workspace, name, models, inferenceConfig, configuration, { overwrite }),
    isChanged,
  }
}

function describeService(service: Webservice): object {
  const { name, status, description, tags, properties, models, authEnabled, tokenAuthEnabled } = service
  const address = { scoringUri: tryRead(() => service.scoringUri), swaggerUri: tryRead(() => service.swaggerUri) }
  return { name, ...status, ...address, authEnabled, tokenAuthEnabled, models, description, tags, properties }
}

function tryRead(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined // the app has no address yet
  }
}

function describeAuth({ authEnabled, tokenAuthEnabled }: Webservice): string {
  if (tokenAuthEnabled) return 'token'
  return authEnabled ? 'key' : 'public'
}

const colors = { Healthy: 'green', Transitioning: 'yellow', Unhealthy: 'red', Failed: 'red', Unknown: 'gray' } as const

const paintState = ({ state }: Webservice, { paint }: Terminal): string => paint(colors[state], state)
