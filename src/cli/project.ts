import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { isContainer } from '../adapters/azure/repository-address.ts'
import { type LocalSettings, readLocalSettings } from '../host/local-settings.ts'
import { UsageError } from './usage-error.ts'

/** A Functions project: the folder with `host.json`, and the settings that its app gets on this machine. */
export interface Project {
  readonly root: string
  readonly local: LocalSettings
  /** The variables of this process with those of `local.settings.json`; the former win. */
  readonly environment: NodeJS.ProcessEnv
  /** The folder of services: `--models`, `SCORING_MODELS`, or `models`. */
  readonly modelsDir: string
  /** The setting `SCORING_MODELS`, where it names a container: the app reads its services there. */
  readonly container: string | undefined
}

/** As in Core Tools. */
export const defaultPort = 7071

/** The options that say where a command works. */
export interface ProjectOptions {
  readonly app?: string | undefined
  readonly models?: string | undefined
}

/** Adds the options that `openProject` reads. */
export function addProjectOptions(command: Command): Command {
  return command
    .option('--models <folder>', 'folder of the services (default: SCORING_MODELS, or models)')
    .option('--app <folder>', 'folder of the project (default: the nearest with a host.json)')
}

/**
 * Finds the project: `--app`, or the nearest folder with a `host.json` from the working directory upwards.
 *
 * @throws UsageError when there is none
 */
export function openProject({ app, models }: ProjectOptions): Project {
  const root = app === undefined ? findProjectRoot(process.cwd()) : requireFolder('--app', app)
  const local = readLocalSettings(root, process.env)
  const environment: NodeJS.ProcessEnv = { ...process.env, ...local.values }
  const location = environment.SCORING_MODELS || 'models'
  if (models !== undefined) environment.SCORING_MODELS = requireFolder('--models', models)
  const modelsDir = resolve(root, environment.SCORING_MODELS || 'models')
  return { root, local, environment, modelsDir, container: isContainer(location) ? location : undefined }
}

/** Finds the folder of services as `openProject` does, but makes no `local.settings.json`. */
export function findModelsDir({ app, models }: ProjectOptions): string {
  if (models !== undefined) return resolve(models)
  const root = app === undefined ? findProjectRoot(process.cwd()) : resolve(app)
  const hasSettings = existsSync(join(root, 'local.settings.json'))
  const local = hasSettings ? readLocalSettings(root, process.env).values : {}
  return resolve(root, process.env.SCORING_MODELS || local.SCORING_MODELS || 'models')
}

/** Whether the app runs as in development, which this host assumes where nothing else is set. */
export const isDevelopment = ({ AZURE_FUNCTIONS_ENVIRONMENT = 'Development' }: NodeJS.ProcessEnv): boolean =>
  AZURE_FUNCTIONS_ENVIRONMENT.toLowerCase() === 'development'

/** @throws UsageError when neither the folder nor one above it has a `host.json` */
export function findProjectRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'host.json'))) return folder
    if (dirname(folder) === folder) {
      throw new UsageError(
        `there is no Functions project here: neither ${from} nor a folder above it has a host.json. Change to your project, name it with --app, or make one with "npx scoring init my-scoring"`,
      )
    }
  }
}

function requireFolder(option: string, path: string): string {
  const folder = resolve(path)
  if (!existsSync(folder)) throw new UsageError(`${option}: folder ${folder} does not exist`)
  if (!statSync(folder).isDirectory()) throw new UsageError(`${option}: ${folder} is no folder`)
  return folder
}
