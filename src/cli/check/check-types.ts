import { execFile } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

/** What TypeScript says of the scripts of a project. */
export type TypeCheck =
  | {
      readonly kind: 'checked'
      /** By the path of the file: lines such as `12:5: Cannot find name 'x'.` */
      readonly faults: ReadonlyMap<string, readonly string[]>
      /** Real paths of the files that were checked. */
      readonly files: ReadonlySet<string>
    }
  | { readonly kind: 'skipped'; readonly why: string }

/** Runs the TypeScript compiler of the project with the settings of its tsconfig.json. */
export async function checkTypes(root: string): Promise<TypeCheck> {
  if (!existsSync(join(root, 'tsconfig.json'))) return { kind: 'skipped', why: 'the project has no tsconfig.json' }
  const compiler = findCompiler(root)
  if (compiler === undefined)
    return { kind: 'skipped', why: 'TypeScript is not installed (npm install --save-dev typescript)' }
  const output = await runCompiler(compiler, root)
  const faults = new Map<string, string[]>()
  const files = new Set<string>()
  for (const line of output.split(/\r?\n/)) {
    const [, file, position, message] = /^(.+?)\((\d+,\d+)\): error TS\d+: (.*)$/.exec(line) ?? []
    if (file !== undefined) {
      const path = realPath(resolve(root, file))
      const list = faults.get(path) ?? []
      list.push(`${position?.replace(',', ':')}: ${message}`)
      faults.set(path, list)
    } else if (/^error TS/.test(line)) {
      return { kind: 'skipped', why: `TypeScript does not run: ${line.replace(/^error TS\d+: /, '')}` }
    } else if (/\.[cm]?[jt]sx?$/.test(line)) files.add(realPath(resolve(root, line)))
  }
  return { kind: 'checked', faults, files }
}

function findCompiler(root: string): string | undefined {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve('typescript/package.json')
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
    return join(dirname(manifest), bin.tsc)
  } catch {
    return undefined
  }
}

function runCompiler(compiler: string, root: string): Promise<string> {
  const args = [compiler, '-p', root, '--noEmit', '--pretty', 'false', '--listFiles']
  // It ends with a failure when it finds one, which is no failure of the run.
  return new Promise(done =>
    execFile(process.execPath, args, { cwd: root, maxBuffer: 2 ** 28 }, (_failure, stdout, stderr) =>
      done(stdout + stderr),
    ),
  )
}

/** Workspaces and npm link reach a file by several paths. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
