import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type ServerCommand, ServerProcess } from '../http/server-process.ts'

/** One start of a process, to its first score. */
export interface FirstAnswer {
  /** From the start of the process, as a caller sees it. */
  readonly ms: number
  /** Of the process until then, on all of its threads; undefined where the system does not tell. */
  readonly cpuMs: number | undefined
  /** By phase, in milliseconds, as the app tells; empty for others. */
  readonly phases: Readonly<Record<string, number>>
}

interface Asking {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The answer that counts. */
  readonly expected: string
}

/** Asks as soon as the server says that it listens; ours lets the request wait for its model. */
export async function firstAnswer(command: ServerCommand, { headers, body, expected }: Asking): Promise<FirstAnswer> {
  const startedAt = performance.now()
  const server = await ServerProcess.start(command)
  try {
    const asked = request({
      port: server.port,
      method: 'POST',
      path: '/score',
      agent: false,
      headers: { 'content-type': 'application/json', ...headers },
    })
    asked.end(body)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    let text = ''
    for await (const part of answer.setEncoding('utf8')) text += part
    const ms = performance.now() - startedAt
    const cpuMs = server.cpuMilliseconds()
    if (text !== expected) throw new Error(`a first answer was ${answer.statusCode} ${text}`)
    return { ms, cpuMs, phases: readPhases(String(answer.headers['server-timing'] ?? '')) }
  } finally {
    await server.stop()
  }
}

/** @param serverTiming  as in `queue;dur=1, start-model;dur=240` */
function readPhases(serverTiming: string): Record<string, number> {
  return Object.fromEntries(
    [...serverTiming.matchAll(/start-(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]),
  )
}
