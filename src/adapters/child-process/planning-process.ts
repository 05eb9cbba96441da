import { type ChildProcess, fork } from 'node:child_process'
import type { ByteRange } from '../../jobs/blob-store.ts'
import type { NextChunk } from '../../jobs/input/open-chunk.ts'
import type { PlanOptions } from '../../jobs/input/plan-chunks.ts'
import { InputUnreadable, type PlanCursor } from '../../jobs/input/planned-chunk.ts'
import type { ReadInput } from '../../jobs/input/text-source.ts'
import { memoryOfProcess } from './memory-of-process.ts'
import type { FromProcess, ToProcess } from './messages.ts'

export interface ProcessLimits {
  /** The most time from one chunk to the next, less the start of the process and its waits for bytes. */
  readonly stepMs: number
  /** The most memory of the process; it is watched on Linux, and elsewhere V8's heap limit alone holds. */
  readonly maxMemoryMb: number
}

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? './parquet-process.ts' : './parquet-process.cjs',
  import.meta.url,
)
const watchEveryMs = 100
/** V8's words when the heap is full, or an array would be larger than any may be. */
const outOfMemory = /allocation failed|out of memory/i

const running = new Set<ChildProcess>()
// A process that is deep in a file would notice late that its parent no longer waits.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A process that plans one Parquet file; what is in the file ends this process at worst. */
export class PlanningProcess {
  readonly #child: ChildProcess
  readonly #read: ReadInput
  readonly #limits: ProcessLimits
  readonly #exited: Promise<void>
  #step: { resolve(chunk: NextChunk | undefined): void; reject(failure: unknown): void } | undefined
  #failure: unknown
  #hasBegun = false
  /** Reads that wait for the storage. */
  #fetching = 0
  /** The end of its stderr, where V8 says why the process ended. */
  #lastWords = ''

  constructor(read: ReadInput, limits: ProcessLimits) {
    this.#read = read
    this.#limits = limits
    this.#child = fork(entry, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {}, // it needs none of the app's secrets
      execArgv: [`--max-old-space-size=${limits.maxMemoryMb}`],
      windowsHide: true,
    })
    running.add(this.#child)
    const { promise: exited, resolve } = Promise.withResolvers<void>()
    this.#exited = exited.then(() => void running.delete(this.#child))
    this.#child.on('message', (message: FromProcess) => this.#receive(message))
    this.#child.stderr?.on('data', text => {
      this.#lastWords = (this.#lastWords + text).slice(-8192)
    })
    this.#child.on('error', failure => {
      this.#fail(failure)
      if (this.#child.pid === undefined) resolve() // it could not be started
    })
    // `close` comes after its output has been read.
    this.#child.on('close', (code, signal) => {
      const isCostly = outOfMemory.test(this.#lastWords)
      this.#fail(
        isCostly ? this.#tooMuchMemory() : new Error(`the process that reads Parquet ended: ${signal ?? code}`),
      )
      resolve()
    })
  }

  plan(options: Omit<PlanOptions, 'planParquet'>, cursor: PlanCursor): void {
    void this.#send({ type: 'plan', options, cursor })
  }

  /** @returns the next chunk; undefined when there are no more */
  async next(): Promise<NextChunk | undefined> {
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
        void this.#answer(message.read, message.range)
        return
      case 'chunk':
        return this.#step?.resolve(message.chunk)
      case 'done':
        return this.#step?.resolve(undefined)
      case 'unreadable':
        return this.#fail(new InputUnreadable(message.code, message.message, { cause: message.cause }))
      case 'failed':
        return this.#fail(new Error(`the process that reads Parquet failed: ${message.cause}`))
    }
  }

  async #answer(read: number, range: ByteRange | undefined): Promise<void> {
    this.#hasBegun = true
    this.#fetching++
    try {
      for await (const bytes of this.#read(range)) {
        if (this.#failure) break
        // A process that is busy with another column reads nothing.
        this.#fetching--
        await this.#send({ type: 'piece', read, bytes })
        this.#fetching++
      }
    } catch (failure) {
      this.#fail(failure)
    }
    this.#fetching--
    await this.#send({ type: 'read-done', read })
  }

  /** @returns when the piece is sent, so that this process holds at most one piece of each read */
  #send(message: ToProcess): Promise<void> {
    return new Promise(resolve => {
      // A process that has ended cannot be reached; 'close' says why.
      if (this.#child.connected) this.#child.send(message, () => resolve())
      else resolve()
    })
  }

  #watch(): NodeJS.Timeout {
    let spentMs = 0
    return setInterval(async () => {
      // Time is counted in ticks: time in which this process itself stood still is not the file's fault.
      if (this.#hasBegun && this.#fetching === 0) spentMs += watchEveryMs
      if (spentMs > this.#limits.stepMs) return this.#fail(this.#tooMuchTime())
      const { pid } = this.#child
      const memoryMb = pid === undefined ? undefined : await memoryOfProcess(pid)
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
  const hint = 'it may be damaged; if it is not, write it with smaller row groups and pages'
  return new InputUnreadable('INPUT_TOO_COSTLY', `the Parquet file ${what}: ${hint}`)
}
