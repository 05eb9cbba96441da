import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openPrivateFolder } from '../../adapters/local/private-folder.ts'
import type { TracePlace } from './run-trace.ts'

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
  take(): TracePlace {
    return { path: this.#path, at: (this.#free.pop() ?? this.#count++) * recordBytes }
  }

  giveBack({ at }: TracePlace): void {
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
