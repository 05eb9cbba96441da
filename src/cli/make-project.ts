/** Makes the files of a new project from `templates/project/`, for `scoring init` and `npm create scoring-functions`. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readLocalSettings } from '../host/local-settings.ts'
import { UsageError } from './usage-error.ts'

export interface NewProject {
  /** Where it is made; a folder that is missing is created. */
  readonly folder: string
  /** Its name in package.json; default: that of the folder. */
  readonly name?: string | undefined
  /** Leaves out the example service and its test. */
  readonly isEmpty: boolean
  /** How package.json asks for this package: a range of versions, a path or a URL. */
  readonly packageSpec: string
  /** The folder with the template. */
  readonly template: URL
}

/** npm's rule for new packages without a scope. */
const namePattern = /^[a-z0-9][a-z0-9._-]{0,213}$/
/** Files that npm does not pack, and folders that tools of this repository would take for their own, have another name in the template. */
const renamed = { _gitignore: '.gitignore', _npmrc: '.npmrc', _funcignore: '.funcignore', _vscode: '.vscode' }
/** A folder is empty if it has only these. */
const ignorable = ['.git', '.DS_Store', 'Thumbs.db']
const exampleFiles = ['models/iris', 'tests/iris.test.ts', 'requests']
/** How many of the files in the way a message names. */
const maxNamedFiles = 3

/**
 * Writes the files, and overwrites none.
 *
 * @throws UsageError when the folder holds something, or the name is no name for a package
 */
export function makeProject({ folder, name, isEmpty, packageSpec, template }: NewProject): void {
  const root = resolve(folder)
  const projectName = name ?? basename(root)
  if (!namePattern.test(projectName)) {
    const cure = name === undefined ? '; choose another folder, or give the name with --name' : ''
    throw new UsageError(
      `"${projectName}" is not a valid name for a project: use lower-case letters, digits, "-", "_" or ".", starting with a letter or digit${cure}`,
    )
  }
  requireEmpty(folder, root)
  mkdirSync(root, { recursive: true })
  const source = fileURLToPath(template)
  for (const entry of readdirSync(source)) {
    cpSync(join(source, entry), join(root, renamed[entry as keyof typeof renamed] ?? entry), { recursive: true })
  }
  if (isEmpty) {
    for (const path of exampleFiles) rmSync(join(root, path), { recursive: true })
    for (const path of ['models', 'tests']) writeFileSync(join(root, path, '.gitkeep'), '') // Git keeps no empty folders
  }
  const manifestFile = join(root, 'package.json')
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))
  manifest.name = projectName
  manifest.dependencies['scoring-functions'] = packageSpec
  writeFileSync(manifestFile, `${JSON.stringify(manifest, undefined, 2)}\n`)
  const readmeFile = join(root, 'README.md')
  writeFileSync(readmeFile, readFileSync(readmeFile, 'utf8').replace(/^# .*/, `# ${projectName}`))
  readLocalSettings(root, {}) // writes local.settings.json
}

function requireEmpty(folder: string, root: string): void {
  if (!existsSync(root)) return
  let entries: string[]
  try {
    entries = readdirSync(root).filter(entry => !ignorable.includes(entry))
  } catch (cause) {
    throw new UsageError(`${folder} is not a folder that can be read: ${(cause as NodeJS.ErrnoException).code}`)
  }
  if (entries.length === 0) return
  const more = entries.length - maxNamedFiles
  const named = `${entries.slice(0, maxNamedFiles).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  const where = folder === '.' ? 'this folder' : folder
  throw new UsageError(`${where} is not empty: it has ${named}. Name a new folder, or an empty one`)
}

/** What to type next, one command a line. */
export function describeNextSteps({ folder, isEmpty }: Pick<NewProject, 'folder' | 'isEmpty'>): string {
  const change = resolve(folder) === process.cwd() ? [] : [`  cd ${folder}`]
  const add = isEmpty ? ['  npx scoring add model.onnx'] : []
  const made = isEmpty ? 'Made a project without services.' : 'Made a project with the service iris.'
  return [`${made} Next:`, '', ...change, '  npm install', ...add, '  npm start'].join('\n')
}
