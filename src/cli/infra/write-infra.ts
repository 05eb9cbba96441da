/** Writes what `azd up` deploys a project with: templates for Azure, the file of azd, and a workflow. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listFiles } from '../../packaging/list-files.ts'
import { UsageError } from '../usage-error.ts'

interface InfraOptions {
  /** Of the project. */
  readonly root: string
  /** The folder with the files, as the build writes it. */
  readonly template: URL
  /** Replaces files that are there and differ. */
  readonly overwrites: boolean
}

export interface WrittenInfra {
  /** Paths in the project. */
  readonly written: readonly string[]
  /** How many files were there already. */
  readonly keptCount: number
}

/** Lines that files for tools need: the templates are not part of the app, and azd keeps the settings of its environments. */
const ignored: Readonly<Record<string, readonly string[]>> = {
  '.funcignore': ['/azure.yaml', '/infra/'],
  '.gitignore': ['.azure/'],
}
/** How many of the files in the way a message names. */
const maxNamedFiles = 3

/** @throws UsageError when files are there that differ, which are not touched */
export function writeInfra({ root, template, overwrites }: InfraOptions): WrittenInfra {
  const source = fileURLToPath(template)
  const files = listFiles(source, () => false).map(path => ({
    path: path.replace(/^_github\//, '.github/'), // npm packs no such folder
    content: forProject(readFileSync(join(source, path), 'utf8'), root),
  }))
  const read = (path: string) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined)
  const changed = files.filter(({ path, content }) => read(path) !== content)
  const inTheWay = changed.filter(({ path }) => read(path) !== undefined).map(({ path }) => path)
  if (inTheWay.length > 0 && !overwrites) {
    const more = inTheWay.length - maxNamedFiles
    throw new UsageError(
      `${inTheWay.slice(0, maxNamedFiles).join(', ')}${more > 0 ? ` and ${more} more` : ''} would be replaced. Commit your changes and run this again with --overwrite: "git diff" then shows both`,
    )
  }
  const extended = Object.entries(ignored).flatMap(([path, lines]) => {
    const before = read(path) ?? ''
    const missing = lines.filter(line => !before.split(/\r?\n/).includes(line))
    if (missing.length === 0) return []
    const end = before === '' || before.endsWith('\n') ? '' : '\n'
    return [{ path, content: `${before}${end}${missing.map(line => `${line}\n`).join('')}` }]
  })
  const written = [...changed, ...extended]
  for (const { path, content } of written) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return { written: written.map(({ path }) => path), keptCount: files.length - changed.length }
}

/** azd shows the name of the project. */
function forProject(content: string, root: string): string {
  const { name = 'scoring' } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name?: string }
  return content.replace(/^name: scoring-functions$/m, `name: ${name.replace(/^@[^/]*\//, '')}`)
}

export function describeWritten({ written, keptCount }: WrittenInfra): string {
  if (written.length === 0) return `All ${keptCount} files are there, as this version writes them.`
  const kept = keptCount === 0 ? '' : `, ${keptCount} were there`
  return [
    `Wrote ${written.length} files${kept}: azure.yaml, infra/, .github/workflows/deploy.yml, lines in .funcignore and .gitignore. Next:`,
    '',
    '  azd auth login',
    '  azd env new <name>',
    '  azd up',
  ].join('\n')
}
