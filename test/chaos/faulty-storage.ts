import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../support/seeded-random.ts'

/**
 * What may happen to a request:
 * - `busy`, `throttled`    503 or 429, and the storage has not seen it
 * - `reset-before`         the connection breaks, and the storage has not seen it
 * - `reset-after`          the connection breaks in place of the answer: what was asked for has been done
 * - `timed-out-after`      500 in place of the answer: what was asked for has been done
 * - `truncated`            the connection breaks in the middle of the answer, or before it when it has no body
 * - `late`                 nothing else, after up to 300 ms
 */
export const faultKinds = [
  'busy',
  'throttled',
  'reset-before',
  'reset-after',
  'timed-out-after',
  'truncated',
  'late',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface FaultyStorage {
  /** Leads through here to the storage behind. */
  readonly connectionString: string
  /** How many faults there were. */
  readonly faultCount: number
  readonly counts: ReadonlyMap<FaultKind, number>
  /** @param rate  part of the requests that meet a fault, from 0 to 1 */
  setRate(rate: number, kinds?: readonly FaultKind[]): void
  /** From now on its answers are so much later than the clock of the storage behind, as if it had run on. */
  addDays(days: number): void
  /** These happen to the next requests, one each, before chance has its way again. */
  next(...kinds: (FaultKind | 'none')[]): void
  stop(): Promise<void>
}

/**
 * Stands between an app and its storage and lets requests fail as they fail in a cloud. A signature of an account covers
 * the path and not the host, so requests go through as they are.
 *
 * @param connectionString  of a storage with http endpoints, such as Azurite
 * @param seed  of the faults; it does not determine the order of requests
 */
export async function startFaultyStorage(connectionString: string, seed: number): Promise<FaultyStorage> {
  const faults = new Faults(seed)
  const agent = new Agent({ keepAlive: true })
  const stops: (() => unknown)[] = [() => agent.destroy()]
  let through = connectionString
  let days = 0
  for (const service of ['Blob', 'Queue', 'Table']) {
    const endpoint = new RegExp(`${service}Endpoint=(http://[^/;]+)`).exec(connectionString)?.[1]
    if (endpoint === undefined) continue
    const server = createServer((incoming, answer) => {
      const setDate = (headers: string[]) => addDays(headers, days)
      forward(incoming, answer, { target: new URL(endpoint), agent, faults, setDate }).catch(() => answer.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    through = through.replace(endpoint, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    stops.push(() => {
      server.closeAllConnections()
      return new Promise(closed => server.close(closed))
    })
  }
  return {
    connectionString: through,
    get faultCount() {
      return [...faults.counts.values()].reduce((sum, count) => sum + count, 0)
    },
    counts: faults.counts,
    setRate: (rate, kinds = faultKinds) => faults.set(rate, kinds),
    addDays(more) {
      days += more
    },
    next: (...kinds) => void faults.planned.push(...kinds),
    async stop() {
      for (const stop of stops.reverse()) await stop()
    },
  }
}

/** Which fault comes next. */
class Faults {
  readonly counts = new Map<FaultKind, number>()
  readonly planned: (FaultKind | 'none')[] = []
  #rate = 0
  #kinds: readonly FaultKind[] = faultKinds
  /** From 0, up to but not with 1. */
  readonly random: () => number

  constructor(seed: number) {
    this.random = seededRandom(seed)
  }

  set(rate: number, kinds: readonly FaultKind[]): void {
    this.#rate = rate
    this.#kinds = kinds
  }

  draw(): FaultKind | 'none' {
    const isFault = this.random() < this.#rate
    const drawn = this.#kinds[Math.floor(this.random() * this.#kinds.length)]
    const kind = this.planned.shift() ?? (isFault && drawn ? drawn : 'none')
    if (kind !== 'none') this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    return kind
  }
}

interface Answer {
  readonly status: number
  readonly headers: string[]
  readonly body: Buffer
}

interface Way {
  readonly target: URL
  readonly agent: Agent
  readonly faults: Faults
  setDate(headers: string[]): void
}

async function forward(incoming: IncomingMessage, answer: ServerResponse, way: Way): Promise<void> {
  const { target, agent, faults, setDate } = way
  const fault = faults.draw()
  if (fault === 'late') await pause(faults.random() * 300)
  const body = await gather(incoming)
  if (fault === 'busy') return refuse(answer, 503, 'ServerBusy')
  if (fault === 'throttled') return refuse(answer, 429, 'TooManyRequests')
  if (fault === 'reset-before') return reset(answer)
  const { status, headers, body: content } = await ask(incoming, body, target, agent)
  setDate(headers)
  if (fault === 'reset-after') return reset(answer)
  if (fault === 'timed-out-after') return refuse(answer, 500, 'OperationTimedOut')
  if (fault === 'truncated') {
    if (content.length < 2) return reset(answer)
    answer.writeHead(status, headers)
    answer.write(content.subarray(0, 1 + Math.floor(faults.random() * (content.length - 1))), () => reset(answer))
    return
  }
  answer.writeHead(status, headers)
  answer.end(content)
}

/** The request as it came, but for headers that concern one connection only. */
function ask({ method, url, rawHeaders }: IncomingMessage, body: Buffer, target: URL, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = withoutHops(rawHeaders)
    const { hostname, port } = target
    const outgoing = request({ hostname, port, method, path: url, headers, agent }, async response => {
      try {
        const content = await gather(response)
        resolve({
          status: response.statusCode ?? 502,
          headers: withoutHops(response.rawHeaders, content),
          body: content,
        })
      } catch (error) {
        reject(error)
      }
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const hops = /^(connection|keep-alive|transfer-encoding|expect)$/i

/** @param body  when the length is not in the headers because the answer came in chunks */
function withoutHops(rawHeaders: readonly string[], body?: Buffer): string[] {
  const headers: string[] = []
  let isChunked = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index]!, rawHeaders[index + 1]!]
    isChunked ||= /^transfer-encoding$/i.test(name)
    if (!hops.test(name)) headers.push(name, value)
  }
  if (body && isChunked) headers.push('content-length', String(body.length))
  return headers
}

const dayMs = 24 * 3_600_000

/** @param headers  names and values in turn; their date is moved */
function addDays(headers: string[], days: number): void {
  const at = headers.findIndex((name, index) => index % 2 === 0 && /^date$/i.test(name))
  if (at < 0 || days === 0) return
  headers[at + 1] = new Date(Date.parse(headers[at + 1] as string) + days * dayMs).toUTCString()
}

async function gather(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

function refuse(answer: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>A fault of the test.</Message></Error>`
  answer.writeHead(status, {
    'content-type': 'application/xml',
    'x-ms-error-code': code,
    'content-length': body.length,
  })
  answer.end(body)
}

function reset(answer: ServerResponse): void {
  answer.socket?.resetAndDestroy()
}
