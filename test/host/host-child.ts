import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as sendRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Cleaner } from '../support/cleaner.ts'

const hostProcess = fileURLToPath(new URL('../../src/host/host-process.ts', import.meta.url))

/** The folder of a fixture app. */
export function fixtureApp(name: string): string {
  return fileURLToPath(new URL(`../fixtures/function-apps/${name}`, import.meta.url))
}

/** A child process with its output as lines that can be awaited. */
export class Child {
  readonly process: ChildProcess
  output = ''

  constructor(script: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}, cwd?: string) {
    const { PATH, HOME, TMPDIR } = process.env
    this.process = spawn(process.execPath, [script, ...args], {
      cwd,
      env: { PATH, HOME, TMPDIR, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding('utf8').on('data', text => {
        this.output += text
        this.process.emit('output')
      })
    }
    this.process.setMaxListeners(0)
  }

  /** Resolves with the match once the output holds it; fails when the process ends without. */
  async see(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output)
      if (found) return found
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(
          `ended with ${this.process.exitCode ?? this.process.signalCode} before ${pattern}:\n${this.output}`,
        )
      }
      await new Promise<void>(resolve => {
        const next = () => {
          this.process.off('output', next).off('close', next)
          resolve()
        }
        this.process.on('output', next).on('close', next)
      })
    }
  }

  async ended(): Promise<number | NodeJS.Signals | null> {
    const { exitCode, signalCode, stdout } = this.process
    if ((exitCode === null && signalCode === null) || !stdout!.closed) await once(this.process, 'close')
    return this.process.exitCode ?? this.process.signalCode
  }

  /** Ends it at once if it still runs. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended()
  }
}

export interface Host extends Child {
  readonly url: string
  readonly port: number
}

/** Starts a fixture app on a free port, by default without storage; without a test, the caller has to kill it. */
export async function startHost(
  test: Cleaner | undefined,
  app: string,
  { args = [], environment }: { args?: readonly string[]; environment?: NodeJS.ProcessEnv } = {},
): Promise<Host> {
  const child = spawnHost(test, app, args, { AzureWebJobsStorage: '', ...environment })
  const [, url, port] = await child.see(/Listening on (https?:\/\/localhost:(\d+))/)
  return Object.assign(child, { url: url!, port: Number(port) })
}

export function spawnHost(
  test: Cleaner | undefined,
  app: string,
  args: readonly string[] = [],
  environment?: NodeJS.ProcessEnv,
): Child {
  const child = new Child(hostProcess, ['--app', fixtureApp(app), '--port', '0', ...args], environment)
  test?.onTestFinished(() => void child.kill())
  return child
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface Send {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** Pieces are sent chunked. */
  readonly body?: string | Uint8Array | readonly string[]
  readonly agent?: Agent | false
}

/** One request with `node:http`, which sends whatever it is told to. */
export function send(
  host: { port: number },
  path: string,
  { method, headers, body, agent }: Send = {},
): Promise<Answer> {
  const isWhole = typeof body === 'string' || body instanceof Uint8Array
  const length = isWhole ? { 'content-length': Buffer.byteLength(body) } : {}
  return new Promise((resolve, reject) => {
    const request = sendRequest({
      port: host.port,
      host: '127.0.0.1',
      path,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...length, ...headers },
      agent: agent ?? false,
    })
    request.on('error', reject).on('response', async response => {
      let text = ''
      try {
        for await (const chunk of response.setEncoding('utf8')) text += chunk
      } catch (error) {
        reject(error)
      }
      const { statusCode, headers, rawHeaders } = response
      resolve({ status: statusCode!, headers, rawHeaders, body: text })
    })
    if (isWhole) request.end(body)
    else {
      for (const piece of body ?? []) request.write(piece)
      request.end()
    }
  })
}

/** A bare connection. */
export async function dial(test: Cleaner, { port }: { port: number }): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  test.onTestFinished(() => {
    socket.destroy()
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Sends bytes as they are and reads what comes until the server closes. */
export async function sendRaw(test: Cleaner, host: { port: number }, bytes: string): Promise<string> {
  const socket = await dial(test, host)
  socket.write(bytes)
  return readAll(socket)
}

export async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', chunk => {
    text += chunk
  })
  if (!socket.closed) await once(socket, 'close')
  return text
}
