/** Marks what a worker prints with its level and with the requests that are being run. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { LogLevel } from '../../telemetry/log.ts'
import { encodeOutput } from '../transport/output-record.ts'

type RequestId = string | undefined

/** Most ids on one line; up to 256 requests may share a run. */
const maxIds = 16
/** Characters per record, so that a record stays below the limit that the main thread has for a line. */
const maxTextLength = 8192

const requests = new AsyncLocalStorage<readonly RequestId[]>()
/** What is known of the write that is under way. */
let current: { readonly level?: LogLevel; readonly ids?: readonly RequestId[] } = {}

/** @returns what `work` returns; what it prints, also later, is marked with these requests */
export function runForRequests<T>(ids: readonly RequestId[], work: () => T): T {
  return requests.run(ids, work)
}

/** Prints a failure of a request; undefined: of a batch job. */
export function printFailure(id: RequestId, text: string): void {
  printAs({ level: 'error', ids: [id] }, () => console.error(text))
}

/** Makes everything that is printed go out as records. */
export function markOutput(): void {
  markStream(process.stdout, 'info')
  markStream(process.stderr, 'error')
  for (const [method, level] of [['warn', 'warning'] as const, ['debug', 'debug'] as const]) {
    const print = console[method]
    console[method] = (...args: unknown[]) => printAs({ level }, () => print.apply(console, args))
  }
}

function printAs(known: typeof current, print: () => void): void {
  current = known
  try {
    print()
  } finally {
    current = {}
  }
}

type Done = (error?: Error | null) => void

function markStream(stream: NodeJS.WriteStream, streamLevel: LogLevel): void {
  const write = stream.write.bind(stream) as (text: string, done?: Done) => boolean
  const marked = (chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const known = (current.ids ?? requests.getStore() ?? []).filter(id => id !== undefined)
    const tag = {
      level: current.level ?? streamLevel,
      requestIds: known.slice(0, maxIds),
      moreRequests: Math.max(0, known.length - maxIds),
    }
    let records = ''
    for (let start = 0; start < text.length; start += maxTextLength)
      records += encodeOutput({ ...tag, text: text.slice(start, start + maxTextLength) })
    return write(records, typeof encoding === 'function' ? encoding : done)
  }
  stream.write = marked as typeof stream.write
}
