import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Cleaner } from './cleaner.ts'

const repository = resolve(import.meta.dirname, '../..')

/**
 * Packages that a project gets as links to this checkout: downloading and unpacking them would take a minute. What the packed
 * package asks for is still resolved by npm, so that a dependency which is missing in it is missing in the project.
 */
const linkedDependencies = ['@azure/functions', 'onnxruntime-node', 'sharp', 'zod']

/** Packs the built package, as `npm publish` would, in 2 s. */
export async function packTarball(test: Cleaner): Promise<string> {
  const folder = await temporaryFolder(test, 'tarball-')
  return pack(repository, folder)
}

/** Packs the content of a tarball again, with another version in its package.json. */
export async function repackTarball(test: Cleaner, tarball: string, version: string): Promise<string> {
  const folder = await temporaryFolder(test, 'tarball-')
  await run('tar', ['-xzf', tarball, '-C', folder], { cwd: folder })
  const manifestFile = join(folder, 'package/package.json')
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8'))
  await writeFile(manifestFile, JSON.stringify({ ...manifest, version }))
  return pack(join(folder, 'package'), folder)
}

async function pack(source: string, destination: string): Promise<string> {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', destination]
  const { stdout } = await run('npm', args, { cwd: source })
  const [packed] = JSON.parse(stdout) as [{ filename: string }]
  return join(destination, packed.filename)
}

/** A project in a folder of its own, outside this checkout, that has installed the packed package. */
export class PackedProject {
  readonly root: string
  readonly #test: Cleaner

  constructor(test: Cleaner, root: string) {
    this.#test = test
    this.root = root
  }

  path(file: string): string {
    return join(this.root, file)
  }

  read(file: string): Promise<string> {
    return readFile(this.path(file), 'utf8')
  }

  async write(file: string, content: string | Uint8Array): Promise<void> {
    await writeFile(this.path(file), content)
  }

  async copy(file: string, from: string): Promise<void> {
    await cp(from, this.path(file), { recursive: true })
  }

  /** Runs a command of the project, such as `npm test` or `npx tsc`, to its end. */
  run(command: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
    return run(command, args, { cwd: this.root, environment })
  }

  /**
   * Installs a tarball of the package, with the heavy dependencies as links.
   *
   * @throws Error with npm's output when it fails or warns
   */
  async install(tarball: string): Promise<void> {
    const manifest = JSON.parse(await this.read('package.json'))
    const linked = (name: string) => `file:${join(repository, 'node_modules', name)}`
    manifest.dependencies['scoring-functions'] = `file:${tarball}`
    for (const name of Object.keys(manifest.devDependencies ?? {})) manifest.devDependencies[name] = linked(name)
    for (const name of linkedDependencies) {
      if (manifest.dependencies[name] !== undefined) manifest.dependencies[name] = linked(name)
    }
    manifest.overrides = Object.fromEntries(linkedDependencies.map(name => [name, linked(name)]))
    await this.write('package.json', JSON.stringify(manifest, undefined, 2))
    const { code, stdout, stderr } = await this.run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'])
    if (code !== 0 || stderr !== '') throw new Error(`npm install ended with ${code}:\n${stdout}${stderr}`)
  }

  /** `npm start -- --port 0`, until it listens. */
  async start(environment: Record<string, string> = {}): Promise<StartedProject> {
    const child = spawn('npm', ['start', '--', '--port', '0'], {
      cwd: this.root,
      env: cleanEnvironment(environment),
      detached: process.platform !== 'win32', // a process group, which a terminal signals as a whole
      shell: process.platform === 'win32',
    })
    const started = new StartedProject(this, child)
    this.#test.onTestFinished(() => started.stop())
    await started.listening
    return started
  }
}

/** A running project. */
export class StartedProject {
  /** Resolves with the URL, e.g. `http://localhost:41234`. */
  readonly listening: Promise<string>
  readonly #project: PackedProject
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #output = ''
  #url = ''

  constructor(project: PackedProject, child: ChildProcess) {
    this.#project = project
    this.#child = child
    this.#ended = new Promise(done => child.on('close', () => done()))
    this.listening = new Promise((found, failed) => {
      const read = (text: Buffer) => {
        this.#output += text
        const [url] = /http:\/\/localhost:\d+/.exec(this.#output) ?? []
        if (url === undefined) return
        this.#url = url
        found(url)
      }
      child.stdout?.on('data', read)
      child.stderr?.on('data', read)
      child.on('close', code => failed(new Error(`npm start ended with ${code}:\n${this.#output}`)))
    })
  }

  get url(): string {
    return this.#url
  }

  /** All it has printed so far. */
  get output(): string {
    return this.#output
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.#url}${path}`, init)
  }

  /** POSTs JSON to a service with its primary key in `.local/keys.json`, once it is loaded. */
  async score(service: string, body: unknown): Promise<Response> {
    const { primary } = JSON.parse(await this.#project.read('.local/keys.json'))[service]
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${primary}` }
    return this.fetch(`/api/v1/service/${service}/score`, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  /** Ends it as Ctrl-C does; resolves when every process that writes to its output has ended. */
  async stop(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child
    if (pid !== undefined && exitCode === null && signalCode === null) {
      if (process.platform === 'win32') this.#child.kill('SIGINT')
      else process.kill(-pid, 'SIGINT')
    }
    await this.#ended
  }
}

/**
 * Makes a project with the program of `npm create scoring-functions`, without an installation.
 *
 * @param args  further arguments, e.g. `--empty`
 */
export async function makeProject(test: Cleaner, args: readonly string[] = []): Promise<PackedProject> {
  const root = join(await temporaryFolder(test, 'project-'), 'my-scoring')
  const create = join(repository, 'create/dist/create.mjs')
  const { code, stderr } = await run(process.execPath, [create, root, ...args], { cwd: tmpdir() })
  if (code !== 0) throw new Error(stderr)
  return new PackedProject(test, root)
}

/** Makes a project and installs the tarball in it. */
export async function makePackedProject(
  test: Cleaner,
  tarball: string,
  args: readonly string[] = [],
): Promise<PackedProject> {
  const project = await makeProject(test, args)
  await project.install(tarball)
  return project
}

/** A copy of a project's files, without an installation. */
export async function copyProject(test: Cleaner, files: string): Promise<PackedProject> {
  const root = join(await temporaryFolder(test, 'project-'), 'my-scoring')
  await cp(files, root, { recursive: true })
  return new PackedProject(test, root)
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(
  command: string,
  args: readonly string[],
  { cwd, environment = {} }: { cwd: string; environment?: Record<string, string> },
): Promise<Ended> {
  const child = spawn(command, args, {
    cwd,
    env: cleanEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32' && command !== process.execPath,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', text => {
    stdout += text
  })
  child.stderr.on('data', text => {
    stderr += text
  })
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('close', code => done({ code, stdout, stderr }))
  })
}

/** The user's own environment: without what npm and Vitest set for the tests, and with the Node.js that runs them. */
function cleanEnvironment(environment: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|vitest|node_env$|node_options$|node_compile_cache$|scoring_|azure|force_color$)/i.test(name),
  )
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
  return { ...Object.fromEntries(inherited), PATH: path, ...environment }
}

async function temporaryFolder(test: Cleaner, prefix: string): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), prefix)))
  test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}
