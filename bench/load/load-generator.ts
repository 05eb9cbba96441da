import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadJob, LoadResult, OpenLoadJob, OpenLoadResult } from './load-job.ts'

/** The load generator, in a process of its own that stays for the whole run, so that it is as warm for the last server. */
export class LoadGenerator {
  readonly #process: ChildProcess
  readonly #ended: Promise<never>

  constructor() {
    this.#process = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), { serialization: 'advanced' })
    this.#ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`the load generator ended (${code})`)
    })
    this.#ended.catch(() => {})
  }

  /** One job at a time. */
  run(job: LoadJob): Promise<LoadResult>
  run(job: OpenLoadJob): Promise<OpenLoadResult>
  async run(job: LoadJob | OpenLoadJob): Promise<LoadResult | OpenLoadResult> {
    this.#process.send(job)
    const result = once(this.#process, 'message').then(([message]) => message as LoadResult | OpenLoadResult)
    return Promise.race([result, this.#ended])
  }

  stop(): void {
    this.#process.disconnect()
  }
}

/** The bytes of a request, once for all the times it is sent. */
export function encodeRequest(options: {
  method: string
  path: string
  headers?: Record<string, string>
  body?: Uint8Array
}): Buffer {
  const { method, path, headers = {}, body } = options
  const all = { host: '127.0.0.1', ...headers, ...(body ? { 'content-length': String(body.length) } : {}) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body ?? Buffer.alloc(0)])
}
