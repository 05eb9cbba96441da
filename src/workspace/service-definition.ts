/** Writes the `service.json` of a deployment. */
import { readFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import type { DeploymentParameters } from '../client/deployment-configuration.ts'
import type { InferenceConfig } from '../client/inference-config.ts'
import type { ServiceChange } from '../client/service-record.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { listFiles, slashed } from './model-files.ts'

export type Definition = Readonly<Record<string, unknown>>

/** What an inference configuration adds to a service. */
export interface InferenceParts {
  readonly definition: Definition
  /** Scripts and sample, by the path that the definition names them by. */
  readonly files: Readonly<Record<string, Uint8Array>>
}

const sampleFile = 'sample.json'
/** Scripts are read at every start of a worker; a data set beside them is a mistake. */
const maxScriptBytes = 16 * 2 ** 20

/** @throws WorkspaceError when a file does not exist, or a folder of scripts is no folder of scripts */
export async function readInferenceConfig(config: InferenceConfig): Promise<InferenceParts> {
  const { entryScript, sourceDirectory, sample, definition } = config
  const files = await readScripts(config)
  const parts: Record<string, unknown> = { ...definition }
  if (entryScript !== undefined)
    parts.entryScript = sourceDirectory === undefined ? basename(entryScript) : slashed(entryScript)
  if (sample !== undefined) {
    parts.schema = { ...(definition.schema as object), input: sampleFile }
    files[sampleFile] =
      typeof sample === 'string'
        ? await readNamed('sample', sample)
        : Buffer.from(`${JSON.stringify(sample, undefined, 2)}\n`)
  }
  return { definition: parts, files }
}

async function readScripts({
  entryScript,
  sourceDirectory,
  definition,
}: InferenceConfig): Promise<Record<string, Uint8Array>> {
  const named = [entryScript ?? [], ...scriptsOfStages(definition)].flat()
  if (sourceDirectory === undefined) {
    if (entryScript !== undefined) return { [basename(entryScript)]: await readNamed('entryScript', entryScript) }
    if (named.length > 0) throw new WorkspaceError(`sourceDirectory: name the folder with ${named.join(', ')}`)
    return {}
  }
  if (named.length === 0)
    throw new WorkspaceError(
      `sourceDirectory: no script in ${sourceDirectory} is used; name one as entryScript or in the stages of the definition`,
    )
  const root = resolve(sourceDirectory)
  const files: Record<string, Uint8Array> = {}
  let bytes = 0
  for (const path of await listFiles(root)) {
    const content = await readFile(path)
    bytes += content.length
    if (bytes > maxScriptBytes)
      throw new WorkspaceError(
        `sourceDirectory: ${sourceDirectory} has more than ${maxScriptBytes / 2 ** 20} MiB; it should hold scripts alone`,
      )
    files[slashed(relative(root, path))] = content
  }
  const missing = named.find(script => !Object.hasOwn(files, slashed(script)))
  if (missing !== undefined)
    throw new WorkspaceError(
      `${missing === entryScript ? 'entryScript' : 'stages'}: there is no ${join(sourceDirectory, missing)}`,
    )
  return files
}

/** What is no list of stages is found when the whole definition is checked. */
function scriptsOfStages({ stages }: Definition): string[] {
  const scripts = Array.isArray(stages) ? stages.map(stage => Object(stage).script as unknown) : []
  return scripts.filter(script => typeof script === 'string')
}

async function readNamed(parameter: string, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new WorkspaceError(`${parameter}: ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    })
  }
}

/** Members that a change writes, or removes where they are undefined. */
export function writeDefinition(given: DeploymentParameters & ServiceChange, before: Definition = {}): Definition {
  const {
    description,
    tags,
    properties,
    authEnabled,
    tokenAuthEnabled,
    tokenAuth,
    scoringTimeoutMs,
    maxRequestWaitTime,
  } = given
  const limits = {
    ...(before.limits as object),
    ...(scoringTimeoutMs !== undefined && { timeoutMs: scoringTimeoutMs }),
    ...(maxRequestWaitTime !== undefined && { maxQueueWaitMs: maxRequestWaitTime }),
  }
  return {
    ...before,
    ...(description !== undefined && { description }),
    ...(tags !== undefined && { tags }),
    ...(properties !== undefined && { properties: addProperties(before.properties as object | undefined, properties) }),
    ...(tokenAuthEnabled && { auth: { mode: 'token', ...tokenAuth } }),
    ...(!tokenAuthEnabled && authEnabled !== undefined && { auth: { mode: authEnabled ? 'key' : 'none' } }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...((given.gpuCores ?? 0) > 0 && { accelerator: { executionProviders: ['cuda', 'cpu'] } }),
  }
}

function addProperties(before: object = {}, added: Readonly<Record<string, string>>): object {
  for (const [name, value] of Object.entries(added)) {
    const known = (before as Record<string, unknown>)[name]
    if (known !== undefined && known !== value)
      throw new WorkspaceError(`properties.${name}: is set, and properties do not change; use a tag`)
  }
  return { ...before, ...added }
}
