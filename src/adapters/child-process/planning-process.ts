import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { ByteRange } from '../../jobs/blob-store.ts'
import { InputUnreadable } from '../../jobs/failure.ts'
import type { ReadInput } from '../../jobs/formats/text-source.ts'
import type { NextChunk } from '../../jobs/plan/chunk-builder.ts'
import type { PlanOptions } from '../../jobs/plan/plan-chunks.ts'
import type { PlanCursor } from '../../jobs/plan-parts.ts'
import type { Children } from './children.ts'
import type { FromProcess, ToProcess } from './messages.ts'

export interface ProcessLimits {
  /** Longest time from one chunk to the next, without its start and the time in which it waits for bytes. */
  readonly stepMs: number
  /** Memory of the process. It is monitored on Linux; elsewhere only V8's heap limit applies. */
  readonly maxMemoryMb: number
}

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? './parquet-process.ts' : './parquet-process.cjs',
  import.meta.url,
)
const watchEveryMs = 100
/** V8's messages for a full heap, and for an array beyond the largest size. */
const outOfMemory = /allocation failed|out of memory/i

/** A child process that plans one Parquet file. At worst, the file ends this process. */
export class PlanningProcess {
  readonly #child: ChildProcess
  readonly #read: ReadInput
  readonly #limits: ProcessLimits
  readonly #exited: Promise<unknown>
  #step: { resolve(step: IteratorResult<NextChunk, PlanCursor>): void; reject(failure: unknown): void } | undefined
  #failure: unknown
  #hasBegun = false
  /** Number of reads that wait for the storage. */
  #fetching = 0
  /** End of its output, where V8 says why it ended. */
  #lastOutput = ''

  constructor(read: ReadInput, limits: ProcessLimits, children: Children) {
    this.#read = read
    this.#limits = limits
    this.#child = fork(entry, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {}, // it must not see settings, which hold secrets
      execArgv: [`--max-old-space-size=${limits.maxMemoryMb}`],
      windowsHide: true,
    })
    const { pid } = this.#child
    if (pid !== undefined) children.started(pid)
    const { promise: exited, resolve } = Promise.withResolvers<void>()
    this.#exited = exited.then(() => pid !== undefined && children.ended(pid))
    this.#child.on('message', (message: FromProcess) => this.#receive(message))
    this.#child.stderr?.on('data', text => {
      this.#lastOutput = (this.#lastOutput + text).slice(-8192)
    })
    this.#child.on('error', failure => {
      this.#fail(failure)
      if (pid === undefined) resolve() // it could not be started
    })
    // 'close' follows after all output has been read.
    this.#child.on('close', (code, signal) => {
      const isCostly = outOfMemory.test(this.#lastOutput)
      this.#fail(
        isCostly ? this.#tooMuchMemory() : new Error(`the process that reads Parquet ended: ${signal ?? code}`),
      )
      resolve()
    })
  }

  plan(options: Omit<PlanOptions, 'planParquet'>, cursor: PlanCursor): void {
    void this.#send({ type: 'plan', options, cursor })
  }

  /** As that of `Chunks`. */
  async next(): Promise<IteratorResult<NextChunk, PlanCursor>> {
    const watch = this.#watch()
    try {
      return await new Promise((resolve, reject) => {
        this.#step = { resolve, reject }
        if (this.#failure) reject(this.#failure)
        else void this.#send({ type: 'next' })
      })
    } finally {
      clearInterval(watch)
    }
  }

  async end(): Promise<void> {
    this.#failure ??= new Error('the process that reads Parquet was ended')
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #receive(message: FromProcess): void {
    switch (message.type) {
      case 'read':
        void this.#sendBytes(message.read, message.range)
        return
      case 'chunk':
        return this.#step?.resolve({ done: false, value: message.chunk })
      case 'done':
        return this.#step?.resolve({ done: true, value: message.end })
      case 'unreadable':
        return this.#fail(new InputUnreadable(message.code, message.message, { cause: message.cause }))
      case 'failed':
        return this.#fail(new Error(`the process that reads Parquet failed: ${message.cause}`))
    }
  }

  async #sendBytes(read: number, range: ByteRange | undefined): Promise<void> {
    this.#hasBegun = true
    this.#fetching++
    try {
      for await (const bytes of this.#read(range)) {
        if (this.#failure) break
        // A process that is busy with another column does not receive.
        this.#fetching--
        await this.#send({ type: 'piece', read, bytes })
        this.#fetching++
      }
    } catch (failure) {
      this.#fail(failure)
    }
    this.#fetching--
    await this.#send({ type: 'piece', read })
  }

  /** Resolves when the message is sent, so that at most one piece of each read is held here. */
  #send(message: ToProcess): Promise<void> {
    return new Promise(resolve => {
      // A process that has ended cannot receive; 'close' reports why.
      if (this.#child.connected) this.#child.send(message, () => resolve())
      else resolve()
    })
  }

  #watch(): NodeJS.Timeout {
    let spentMs = 0
    return setInterval(async () => {
      // Counts ticks, so that time in which this process stood still is not counted.
      if (this.#hasBegun && this.#fetching === 0) spentMs += watchEveryMs
      if (spentMs > this.#limits.stepMs) return this.#fail(this.#tooMuchTime())
      const { pid } = this.#child
      const memoryMb = pid === undefined ? undefined : await processMemoryMb(pid)
      if (memoryMb !== undefined && memoryMb > this.#limits.maxMemoryMb) this.#fail(this.#tooMuchMemory())
    }, watchEveryMs)
  }

  #fail(failure: unknown): void {
    this.#failure ??= failure
    this.#step?.reject(this.#failure)
    this.#child.kill('SIGKILL')
  }

  #tooMuchTime(): InputUnreadable {
    return tooCostly(`takes more than ${this.#limits.stepMs / 1000} s to read from one chunk to the next`)
  }

  #tooMuchMemory(): InputUnreadable {
    return tooCostly(`takes more than ${this.#limits.maxMemoryMb} MB of memory to read`)
  }
}

function tooCostly(what: string): InputUnreadable {
  const hint = 'it may be damaged; otherwise write it with smaller row groups and pages'
  return new InputUnreadable('INPUT_TOO_COSTLY', `the Parquet file ${what}: ${hint}`)
}

/** @returns resident memory of a process in MiB; undefined outside Linux, or when it has ended */
async function processMemoryMb(id: number): Promise<number | undefined> {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${id}/status`, 'utf8')) ?? []
    return kib === undefined ? undefined : Number(kib) / 1024
  } catch {
    return undefined
  }
}
