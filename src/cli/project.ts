import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type LocalSettings, readLocalSettings } from '../host/local-settings.ts'
import { UsageError } from './usage-error.ts'

/** A Functions project: the folder with `host.json`, and the settings that its app gets on this machine. */
export interface Project {
  readonly root: string
  readonly local: LocalSettings
  /** The variables of this process with those of `local.settings.json`; the former win. */
  readonly environment: NodeJS.ProcessEnv
  /** The folder of services: `SCORING_MODELS`, or `models`. */
  readonly modelsDir: string
}

/** The options that say where a command works. */
export interface ProjectOptions {
  readonly app?: string
  readonly models?: string
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
  const root = app === undefined ? findProjectRoot(process.cwd()) : resolve(app)
  const local = readLocalSettings(root, process.env)
  const environment: NodeJS.ProcessEnv = { ...process.env, ...local.values }
  if (models !== undefined) environment.SCORING_MODELS = requireFolder(models)
  const modelsDir = resolve(root, environment.SCORING_MODELS || 'models')
  return { root, local, environment, modelsDir }
}

function findProjectRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'host.json'))) return folder
    if (dirname(folder) === folder) {
      throw new UsageError(
        `there is no Functions project here: neither ${from} nor a folder above it has a host.json. Change to your project, name it with --app, or make one with "scoring init my-scoring"`,
      )
    }
  }
}

function requireFolder(path: string): string {
  const folder = resolve(path)
  if (!existsSync(folder)) throw new UsageError(`--models: folder ${folder} does not exist`)
  return folder
}
