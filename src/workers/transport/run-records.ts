/** What runs in each worker, written to a file that outlives the process: a fault in a script or in native code may end that. */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { RequestStates } from './request-states.ts'

/** What a worker was running when its process ended. */
interface LostRun {
  readonly service: string
  /** Ids of the first few requests; a request of a batch job is named by its rows. */
  readonly requests: readonly string[]
}

/** Where a worker writes its record. */
export interface RecordLocation {
  readonly path: string
  /** In bytes, from the beginning of the file. */
  readonly offset: number
}

const recordBytes = 1024
const maxNamed = 8
/** A request of a batch job is named by its rows, see `jobs/score/request-name.ts`. */
const maxNameLength = 250

/** @returns a record that ends with a zero byte; a record that begins with it says that nothing runs */
export function encodeRecord(service: string, requestIds: readonly string[]): Buffer {
  // An id comes from a header of the caller, and stands in a line of the log.
  const printable = requestIds.slice(0, maxNamed).map(id => id.replace(/[^\x21-\x7e]/g, '?').slice(0, maxNameLength))
  const lines = [service]
  // A name that was cut would be that of other rows.
  for (const name of printable) if (lines.join('\n').length + name.length + 2 <= recordBytes) lines.push(name)
  return Buffer.from(`${lines.join('\n')}\0`, 'latin1')
}

/**
 * The file of this process, with a record for each worker, from which the next process can tell what ended this one. It is
 * named by the id of the process; a process that starts reads and removes the files of processes that are gone.
 */
export class RunRecords {
  readonly lost: readonly LostRun[]
  readonly #path: string
  readonly #free: number[] = []
  #count = 0

  /**
   * @param folder  that only this user can write to
   * @throws Error when the folder cannot be used
   */
  constructor(folder: string) {
    this.lost = readdirSync(folder).flatMap(name => takeLost(folder, name))
    this.#path = join(folder, String(process.pid))
    closeSync(openSync(this.#path, 'w', 0o600))
  }

  /** Reserves a record for one worker, until it is given back. */
  take(): RecordLocation {
    return { path: this.#path, offset: (this.#free.pop() ?? this.#count++) * recordBytes }
  }

  giveBack({ offset }: RecordLocation): void {
    this.#free.push(offset / recordBytes)
  }

  /** Removes the file: the process ends as it should. */
  close(): void {
    rmSync(this.#path, { force: true })
  }
}

/** Reads and removes the file of a process that is gone. Another process may be reading the same file. */
function takeLost(folder: string, name: string): LostRun[] {
  if (!/^\d+$/.test(name) || isAlive(Number(name))) return []
  const path = join(folder, name)
  try {
    const records = readFileSync(path)
    rmSync(path)
    const lost: LostRun[] = []
    for (let offset = 0; offset < records.length; offset += recordBytes) {
      const end = records.indexOf(0, offset)
      const text = records.toString('latin1', offset, end < 0 ? records.length : end)
      const [service, ...requests] = text.split('\n')
      if (service) lost.push({ service, requests })
    }
    return lost
  } catch {
    return []
  }
}

/** Whether another process has this id. Our own id is that of an earlier process: containers count processes from 1. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Writes the record of a worker. */
class RunRecorder {
  readonly #file: number
  readonly #offset: number
  readonly #service: string
  readonly #states: RequestStates
  readonly #nothing = new Uint8Array(1)
  /** Ids of the requests of the dispatch. */
  #ids: string[] = []
  /** Ids of the requests that the last dispatch yielded. */
  #yielded: string[] = []

  constructor({ path, offset }: RecordLocation, service: string, states: RequestStates) {
    this.#file = openSync(path, 'r+')
    this.#offset = offset
    this.#service = service
    this.#states = states
  }

  dispatched(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    this.#ids = resumed.map(position => this.#yielded[position] as string)
    for (const { id } of requests) this.#ids.push(id ?? '')
  }

  begin(): void {
    const ids = this.#states.findBegun(this.#ids.length).map(index => this.#ids[index] as string)
    if (ids.length === 0) return // a run to warm up
    const record = encodeRecord(this.#service, ids)
    writeSync(this.#file, record, 0, record.length, this.#offset)
  }

  end(yielded: readonly number[]): void {
    this.#yielded = yielded.map(index => this.#ids[index] as string)
    writeSync(this.#file, this.#nothing, 0, 1, this.#offset)
  }
}

let recorder: RunRecorder | undefined

/** Makes this thread record what it runs from here on. */
export function startRecording(location: RecordLocation, service: string, states: RequestStates): void {
  recorder = new RunRecorder(location, service, states)
}

/** To be called before any request of the dispatch is begun. */
export function recordDispatch(requests: readonly InferenceRequest[], resumed: readonly number[] = []): void {
  recorder?.dispatched(requests, resumed)
}

/** Records the requests that have begun, and does the work. */
export function recorded<T>(work: () => T): T {
  recorder?.begin()
  return work()
}

/** Records that nothing of the dispatch runs any more. */
export function recordEnd(yielded: readonly number[] = []): void {
  recorder?.end(yielded)
}
