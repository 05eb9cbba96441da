import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openPrivateFolder } from '../../adapters/local/private-folder.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { RequestStates } from './request-states.ts'

/** What a thread was running when its process ended. */
export interface LostRun {
  readonly service: string
  /** Ids of requests, the first few; empty for one that has none, which is part of a batch job. */
  readonly requests: readonly string[]
}

const recordBytes = 1024
const mostNamed = 8

/** @returns a record that ends with a zero byte; one that begins with it says that nothing is run */
export function encodeRecord(service: string, names: readonly string[]): Buffer {
  // An id is a header of the caller's, and stands in a line of the log.
  const plain = names.slice(0, mostNamed).map(name => name.replace(/[^\x21-\x7e]/g, '?').slice(0, 100))
  return Buffer.from(`${[service, ...plain].join('\n')}\0`, 'latin1')
}

/**
 * The file in which the threads of this process write what they run, so that the next process can tell what ended this
 * one. A process has one, which is named by its id; whoever starts reads and removes those of processes that are gone.
 */
export class RunRecords {
  readonly lost: readonly LostRun[]
  readonly #path: string
  readonly #free: number[] = []
  #count = 0

  /** @throws Error where the folder cannot be used */
  constructor(folder: string) {
    openPrivateFolder(folder)
    this.lost = readdirSync(folder).flatMap(name => takeLost(folder, name))
    this.#path = join(folder, String(process.pid))
    closeSync(openSync(this.#path, 'w', 0o600))
  }

  /** For one thread, until it gives it back. */
  take(): RecordLocation {
    return { path: this.#path, at: (this.#free.pop() ?? this.#count++) * recordBytes }
  }

  giveBack({ at }: RecordLocation): void {
    this.#free.push(at / recordBytes)
  }

  /** The process ends as it should. */
  close(): void {
    rmSync(this.#path, { force: true })
  }
}

/** What a process that is gone was running; another one may be reading the same file. */
function takeLost(folder: string, name: string): LostRun[] {
  if (!/^\d+$/.test(name) || isAlive(Number(name))) return []
  const path = join(folder, name)
  try {
    const records = readFileSync(path)
    rmSync(path)
    const lost: LostRun[] = []
    for (let at = 0; at < records.length; at += recordBytes) {
      const end = records.indexOf(0, at)
      const text = records.toString('latin1', at, end < 0 ? records.length : end)
      const [service, ...requests] = text.split('\n')
      if (service) lost.push({ service, requests })
    }
    return lost
  } catch {
    return []
  }
}

/** An id that is used again is ours: containers count their processes from 1. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** What a thread is running, written down where it outlives the process: some faults of a script, or of native code, end that. */

/** Where a thread writes. */
export interface RecordLocation {
  readonly path: string
  /** Bytes from the beginning of the file. */
  readonly at: number
}

class RunRecorder {
  readonly #file: number
  readonly #at: number
  readonly #service: string
  readonly #states: RequestStates
  readonly #nothing = new Uint8Array(1)
  /** Ids of the requests of the dispatch. */
  #names: string[] = []
  /** Ids of those that the last dispatch yielded. */
  #yielded: string[] = []

  constructor({ path, at }: RecordLocation, service: string, states: RequestStates) {
    this.#file = openSync(path, 'r+')
    this.#at = at
    this.#service = service
    this.#states = states
  }

  dispatched(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    const names = resumed.map(position => this.#yielded[position] as string)
    for (const { id } of requests) names.push(id ?? '')
    this.#names = names
  }

  yielded(indexes: readonly number[]): void {
    this.#yielded = indexes.map(index => this.#names[index] as string)
  }

  begin(): void {
    const names = this.#states.begun(this.#names.length).map(index => this.#names[index] as string)
    if (names.length === 0) return // a run to warm up
    const record = encodeRecord(this.#service, names)
    writeSync(this.#file, record, 0, record.length, this.#at)
  }

  end(): void {
    writeSync(this.#file, this.#nothing, 0, 1, this.#at)
  }
}

let trace: RunRecorder | undefined

/** That of this thread, from here on. */
export function openRunRecord(place: RecordLocation, service: string, states: RequestStates): void {
  trace = new RunRecorder(place, service, states)
}

/** What was handed over, before any of it is begun. */
export function recordDispatch(requests: readonly InferenceRequest[], resumed: readonly number[] = []): void {
  trace?.dispatched(requests, resumed)
}

/** Writes down what is begun now, and does it. */
export function recorded<T>(work: () => T): T {
  trace?.begin()
  return work()
}

/** Nothing of the dispatch is left, but what it yielded. */
export function recordEnd(yielded: readonly number[] = []): void {
  trace?.yielded(yielded)
  trace?.end()
}
