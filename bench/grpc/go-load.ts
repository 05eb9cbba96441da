import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { benchDir, cacheDir } from '../cache.ts'
import type { LoadResult } from '../load/load-job.ts'
import { latenciesOf } from '../report/statistics.ts'

const source = join(benchDir, 'grpc', 'load')
const program = join(cacheDir, 'grpc-load', process.platform === 'win32' ? 'grpc-load.exe' : 'grpc-load')

/** What `load/main.go` sends. */
export interface GoRequest {
  readonly protocol: 'grpc' | 'http'
  /** `/package.Service/Method`, or the path of a POST. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** A file. */
  readonly body: string
}

interface GoResult {
  readonly requests: number
  readonly failures: number
  readonly requestsPerSecond: number
  readonly latencyMs: readonly number[] | null
  readonly generatorCpuMicroseconds: number
  /** Base64. */
  readonly answer?: string
  readonly answerHeaders?: Readonly<Record<string, readonly string[]>>
  readonly error?: string
}

/** Builds the load generator; what it needs comes from Go's module proxy, once. @throws Error without Go */
export async function buildGoLoad(): Promise<void> {
  await mkdir(join(program, '..'), { recursive: true })
  try {
    await promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: source })
  } catch (failure) {
    const { code, stderr, message } = failure as { code?: unknown; stderr?: string; message: string }
    throw new Error(
      code === 'ENOENT' ? 'the load comes from a Go program: install Go 1.26 or later' : stderr || message,
    )
  }
}

/** The load generator in a process of its own, the same for all servers. One job at a time. */
export class GoLoad {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  readonly #ended: Promise<never>

  constructor() {
    this.#process = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.#process.stdout)
    this.#ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`the load generator ended (${code})`)
    })
    this.#ended.catch(() => {})
  }

  /** Sends a request once. @throws Error when it fails */
  async ask(port: number, request: GoRequest): Promise<{ body: Buffer; header: (name: string) => string | undefined }> {
    const result = await this.#run({
      ...request,
      address: `127.0.0.1:${port}`,
      connections: 1,
      inFlight: 1,
      seconds: 0,
    })
    if (result.error) throw new Error(result.error)
    return {
      body: Buffer.from(result.answer ?? '', 'base64'),
      header: name => result.answerHeaders?.[name]?.[0],
    }
  }

  /** @param load  answers of another length than `answerBytes` are failures */
  async load(
    port: number,
    request: GoRequest,
    load: { connections: number; inFlight: number; seconds: number; rampSeconds: number; answerBytes: number },
  ): Promise<LoadResult> {
    const { latencyMs, error, ...result } = await this.#run({ ...request, address: `127.0.0.1:${port}`, ...load })
    if (error) console.error(`${request.path}: ${error}`)
    return { ...result, latencyMs: latenciesOf(latencyMs ?? []) }
  }

  stop(): void {
    this.#process.stdin.end()
  }

  async #run(job: object): Promise<GoResult> {
    this.#process.stdin.write(`${JSON.stringify(job)}\n`)
    const answer = once(this.#lines, 'line').then(([line]) => JSON.parse(line as string) as GoResult)
    return Promise.race([answer, this.#ended])
  }
}
