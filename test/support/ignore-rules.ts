/** How each tool that deploys a folder reads `.funcignore`: whether it leaves a file out. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ignore from 'ignore'

export type IgnoreRule = (rules: string, paths: readonly string[]) => string[]

/**
 * Azure Functions Core Tools (GitIgnoreParser.cs): a slash at the start is dropped, each line is a prefix up to the end of a word, and
 * a line with an exclamation mark brings files back. `.git`, `.vscode`, `local.settings.json` and three more are never deployed.
 */
const coreTools: IgnoreRule = (rules, paths) => {
  const lines = rules
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  const prefixes = (chosen: readonly string[]) => {
    const patterns = chosen.map(line =>
      line
        .replace(/^\//, '')
        .replace(/[-[\]/{}()+?.\\^$|]/g, '\\$&')
        .replaceAll('**', '(.+)')
        .replaceAll('*', '([^\\/]+)'),
    )
    return patterns.length > 0 ? new RegExp(`^((${patterns.join(')|(')}))\\b`) : /$^/
  }
  const negated = prefixes(lines.filter(line => line.startsWith('!')).map(line => line.slice(1)))
  const listed = prefixes(lines.filter(line => !line.startsWith('!')))
  return paths.filter(path => listed.test(path) && !negated.test(path))
}

/** Visual Studio Code (vscode-azuretools, runWithZipStream.ts): glob-gitignore, which asks this package. */
const visualStudioCode: IgnoreRule = (rules, paths) => {
  const ignored = ignore().add(rules)
  return paths.filter(path => ignored.ignores(path))
}

/** azd: "standard .gitignore syntax", so git itself is asked. (azure-dev, issue 4381) */
const azd: IgnoreRule = (rules, paths) => {
  const folder = mkdtempSync(join(tmpdir(), 'ignore-'))
  try {
    execFileSync('git', ['init', '--quiet', folder])
    writeFileSync(join(folder, '.git/info/exclude'), rules)
    const args = ['-C', folder, '-c', 'core.excludesFile=', 'check-ignore', '--no-index', '--stdin', '-z']
    const output = execFileSync('git', args, { input: paths.filter(path => !path.startsWith('.git/')).join('\0') })
    return output.toString().split('\0').filter(Boolean)
  } catch (failure) {
    if ((failure as { status?: number }).status === 1) return [] // none is ignored
    throw failure
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 9 })
  }
}

export const ignoreRules: readonly (readonly [tool: string, rule: IgnoreRule])[] = [
  ['Core Tools', coreTools],
  ['Visual Studio Code', visualStudioCode],
  ['azd', azd],
]
