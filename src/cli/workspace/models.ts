import { Model } from '../../client/index.ts'
import { describeBytes } from '../describe.ts'
import { formatList, onOneLine, openTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { formatLabels, openWorkspace, printJson, type WorkspaceOptions } from './open.ts'

export interface RegisterOptions extends WorkspaceOptions {
  readonly tag?: Readonly<Record<string, string>>
  readonly property?: Readonly<Record<string, string>>
  readonly description?: string
}

export async function registerModel(modelName: string, modelPath: string, options: RegisterOptions): Promise<void> {
  const { tag: tags, property: properties, description } = options
  const workspace = await openWorkspace(options)
  const model = await Model.register(workspace, { modelName, modelPath, tags, properties, description })
  if (options.json) return printJson(model.record)
  console.log(
    `${model.id} is registered (${describeSize(model)}).\nDeploy it: npx scoring deploy <service> --model ${model.id}`,
  )
}

export interface ListOptions extends WorkspaceOptions {
  readonly latest?: boolean
  readonly tag?: Readonly<Record<string, string>>
}

export async function listModels(name: string | undefined, options: ListOptions): Promise<void> {
  const workspace = await openWorkspace(options)
  const { latest, tag = {} } = options
  const models = await Model.list(workspace, { name, latest, tags: Object.entries(tag) })
  if (options.json) return printJson(models.map(({ record }) => record))
  if (models.length === 0) return console.error(`no model in ${workspace.name}`)
  const rows = models.map(model => [
    model.name,
    String(model.version),
    model.createdTime?.toISOString().slice(0, 16).replace('T', ' ') ?? '',
    describeSize(model),
    formatLabels(model.tags),
    onOneLine(model.description),
  ])
  const columns = [
    { title: 'NAME' },
    { title: 'VERSION', align: 'right' as const },
    { title: 'REGISTERED (UTC)' },
    { title: 'SIZE', align: 'right' as const },
    { title: 'TAGS', overflow: 'cut' as const },
    { title: 'DESCRIPTION', overflow: 'cut' as const },
  ]
  console.log(formatList(rows, openTerminal(), columns))
}

export async function deleteModel(id: string, options: WorkspaceOptions): Promise<void> {
  const { name, version } = parseModelId(id)
  if (version === undefined) throw new UsageError(`"${id}" names no version; write e.g. ${name}:1`)
  const model = await Model.get(await openWorkspace(options), name, version)
  await model.delete()
  if (options.json) printJson({ name, version, isDeleted: true })
  else console.log(`${id} is deleted; its number is not used again.`)
}

/** @param id  `name` or `name:version`. @throws UsageError */
export function parseModelId(id: string): { readonly name: string; readonly version: number | undefined } {
  const [, name, version] = /^([^:]+)(?::(\d{1,15}))?$/.exec(id) ?? []
  if (name === undefined)
    throw new UsageError(`"${id}" is no model; write its name, or its name and version, e.g. churn:2`)
  return { name, version: version === undefined ? undefined : Number(version) }
}

function describeSize({ record }: Model): string {
  return describeBytes(record.files.reduce((sum, { bytes }) => sum + bytes, 0))
}
