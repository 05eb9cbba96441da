/**
 * `npm run docs:api` writes guide/api.md, the reference of `scoring-functions/client`, from the docstrings of src/client. With `--check` it
 * writes nothing, and fails when the page is another one. Both fail when something exported has no docstring.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Application, type DeclarationReflection, type ProjectReflection, ReflectionKind } from 'typedoc'
import { describePage } from './page.ts'

const repository = resolve(import.meta.dirname, '../..')
const page = join(repository, 'guide/api.md')

const app = await Application.bootstrap({
  entryPoints: [join(repository, 'src/client/index.ts')],
  tsconfig: join(import.meta.dirname, 'tsconfig.json'),
  logLevel: 'Warn',
  ...{ readme: 'none', excludePrivate: true, excludeInternal: true, excludeExternals: true, disableGit: true },
  ...{ disableSources: true, sort: ['static-first', 'source-order'] },
  intentionallyNotExported: ['ServiceCaller', 'WorkspaceStore'], // which a user meets only as the type of a member
})

const project = await app.convert()
if (!project || app.logger.hasErrors()) process.exit(1)
app.validate(project) // links, and types that are not exported
const bare = findUndocumented(project)
for (const name of bare) console.error(`${name} has no docstring`)
const text = describePage(project)
const isStale = process.argv.includes('--check') && text !== readFileSync(page, 'utf8')
if (isStale) console.error('guide/api.md is not what the docstrings say: run "npm run docs:api"')
if (!process.argv.includes('--check')) writeFileSync(page, text)
process.exitCode = isStale || bare.length > 0 || app.logger.hasWarnings() ? 1 : 0

/** Names of what is exported, and of its members, without a docstring. Members of literal types are explained where those stand. */
function findUndocumented(from: ProjectReflection): string[] {
  const found: string[] = []
  const visit = (reflection: DeclarationReflection, path: string) => {
    const name = `${path}${reflection.name}`
    const isNameOfError = reflection.name === 'name' && reflection.overwrites !== undefined
    const parts = [reflection, reflection.getSignature, ...(reflection.signatures ?? [])]
    const isDocumented =
      parts.some(part => part?.comment && part.comment.summary.length > 0) ||
      reflection.kindOf(ReflectionKind.Constructor)
    if (!isDocumented && !isNameOfError) found.push(name)
    if (!reflection.kindOf(ReflectionKind.ClassOrInterface)) return
    for (const child of reflection.children ?? []) visit(child, `${name}.`)
  }
  for (const child of from.children ?? []) visit(child, '')
  return found
}
