import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cleaner } from './cleaner.ts'
import { makeServices, type ServiceFiles } from './service-folder.ts'

const repository = resolve(import.meta.dirname, '../..')

export interface RunningApp {
  readonly url: string
  readonly process: ChildProcess
  /** All it has printed so far. */
  output(): string
  /** `.local/keys.json` */
  readonly keyFile: string
  keyOf(service: string): Promise<string>
  /** POSTs to `/api/v1/service/<service>/score` with the primary key. */
  score(service: string, body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>): Promise<Response>
  /** The next process of the same app, after this one has ended. */
  restart(): Promise<RunningApp>
  /** Waits until no service is loading. */
  settled(): Promise<Record<string, { status: string; reason?: string }>>
}

/**
 * The built app on the embedded host, in a folder of its own, on a free port.
 *
 * @param services  files of services, or undefined for the samples of the repository
 */
export async function runApp(
  test: Cleaner,
  services?: ServiceFiles,
  environment: Record<string, string> = {},
): Promise<RunningApp> {
  const root = await copyOfApp(test)
  const models = services ? await makeServices(services, test) : join(repository, 'models')
  return runProject(test, root, { SCORING_MODELS: models, ...environment })
}

/** The built host with a project and its services, on a free port. */
export async function runProject(
  test: Cleaner,
  root: string,
  environment: Record<string, string> = {},
): Promise<RunningApp> {
  const host = join(repository, 'dist/host-process.cjs')
  const child = spawn(process.execPath, [host, '--app', root, '--port', '0'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
      AzureWebJobsStorage: '', // not the one that a developer may have running
      ...environment,
    },
  })
  test.onTestFinished(() => endOf(child))
  let output = ''
  const url = await new Promise<string>((found, failed) => {
    const read = (text: Buffer) => {
      output += text
      const match = /Listening on ([^\s"]+)/.exec(output)
      if (match) found(match[1] as string)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', code => failed(new Error(`the host ended with ${code}:\n${output}`)))
  })
  const keyFile = join(root, '.local/keys.json')
  const keyOf = async (service: string) => JSON.parse(await readFile(keyFile, 'utf8'))[service].primary
  return {
    url,
    process: child,
    output: () => output,
    keyFile,
    keyOf,
    score: async (service, body, headers = {}) =>
      fetch(`${url}/api/v1/service/${service}/score`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await keyOf(service)}`, ...headers },
      }),
    restart: () => runProject(test, root, environment),
    settled: async () => {
      for (;;) {
        const { services } = (await (await fetch(`${url}/health/ready`)).json()) as {
          services: Record<string, { status: string }>
        }
        if (Object.values(services).every(({ status }) => status !== 'loading')) return services
        await sleep(20) // what is waited for needs the processor
      }
    },
  }
}

/** What a deployment holds, so that keys and settings of tests stay out of the checkout. */
export async function copyOfApp(test: Cleaner): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'app-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  for (const part of ['dist', 'host.json', 'package.json'])
    await cp(join(repository, part), join(root, part), { recursive: true })
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
  return root
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(done => child.on('exit', done))
  child.kill('SIGTERM')
  await ended
}
