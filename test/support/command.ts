import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Cleaner } from './cleaner.ts'
import type { ServiceFiles } from './service-folder.ts'

const repository = resolve(import.meta.dirname, '../..')
const script = join(repository, 'dist/scoring.mjs')

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly cwd?: string
  /** What comes on standard input; absent: nothing. */
  readonly input?: string | Buffer
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs `scoring` as it is built, in a process of its own. */
export async function runCommand(
  args: readonly string[],
  { cwd, input, environment = {} }: CommandOptions = {},
): Promise<CommandResult> {
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, ...environment },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  const ended = new Promise<number | null>(done => child.on('close', done))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout!), text(child.stderr!), ended])
  return { code, stdout, stderr }
}

/**
 * A Functions project in a folder of its own, with the packages of this repository.
 *
 * @param files  by path, e.g. `models/churn/service.json`; objects are written as JSON
 */
export async function makeCommandProject(test: Cleaner, files: ServiceFiles = {}): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'project-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  await mkdir(join(root, 'models'))
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
  for (const [path, content] of Object.entries({
    'host.json': await readFile(join(repository, 'host.json')),
    'package.json': { type: 'module', main: 'main.js' },
    'main.js': '',
    ...files,
  })) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    const isRaw = typeof content === 'string' || Buffer.isBuffer(content)
    await writeFile(join(root, path), isRaw ? content : JSON.stringify(content))
  }
  return root
}
