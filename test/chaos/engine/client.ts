import { Agent, request as sendRequest } from 'node:http'
import type { Poison } from './services.ts'
import type { KnownRequest } from './traffic.ts'

/** What became of the requests. */
export interface Counts {
  sent: number
  right: number
  /** Unpoisoned requests that ran alone when their thread was killed: nothing tells them from a culprit. */
  misjudged: number
  /** 503, by service and code: the queue was full, or the service could not load. */
  readonly refused: Record<string, number>
  /** 504. */
  late: number
  poisoned: number
  /** What must not be: an answer of another request, an error that nothing explains, none at all. */
  readonly wrong: string[]
}

/** Errors that belong to one poison alone: memory that is eaten, and what a timer throws while its call waits. */
const ownFailures: Partial<Record<Poison, readonly string[]>> = {
  eat: ['ENTRY_SCRIPT_OUT_OF_MEMORY'],
  throw: ['ENTRY_SCRIPT_FAILED'],
}
/** What a poisoned request may get besides its own error: that of a thread ended by others, and that of a busy machine. */
const anybodys = ['ENTRY_SCRIPT_ENDED_THREAD', 'SCORING_TIMEOUT']
/** Longer than any limit of a service. */
const answerTimeoutMs = 90_000

/** Sends requests over connections of its own and keeps account of the answers. */
export class ChaosClient {
  readonly #port: number
  readonly #keys: ReadonlyMap<string, string>
  readonly #counts: Counts
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string, keys: ReadonlyMap<string, string>, counts: Counts) {
    this.#port = Number(new URL(url).port)
    this.#keys = keys
    this.#counts = counts
  }

  async send(request: KnownRequest): Promise<void> {
    this.#counts.sent++
    try {
      const { status, text } = await this.#post(request)
      this.#judge(request, status, text)
    } catch (failure) {
      this.#wrong(request, `no answer: ${(failure as Error).message}`)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #judge(request: KnownRequest, status: number, text: string): void {
    const counts = this.#counts
    const code = status === 200 ? undefined : (JSON.parse(text) as { code: string }).code
    if (status === 503) {
      const why = `${request.service} ${code}`
      counts.refused[why] = (counts.refused[why] ?? 0) + 1
    } else if (request.poison) {
      if (code && [...(ownFailures[request.poison] ?? []), ...anybodys].includes(code)) counts.poisoned++
      else this.#wrong(request, `${status} ${text}`)
    } else if (status === 200 && text === request.answer) counts.right++
    else if (code === 'ENTRY_SCRIPT_ENDED_THREAD' || code === 'MODEL_RUN_FAILED') counts.misjudged++
    else if (code === 'SCORING_TIMEOUT') counts.late++
    else this.#wrong(request, `${status} ${text}`)
  }

  #wrong({ service, body, answer }: KnownRequest, what: string): void {
    this.#counts.wrong.push(`${service} ${body.slice(0, 100)}: ${what.slice(0, 300)}, not ${answer}`)
  }

  #post({ service, body }: KnownRequest): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        authorization: `Bearer ${this.#keys.get(service)}`,
      }
      const path = `/api/v1/service/${service}/score`
      const agent = this.#agent
      const request = sendRequest({ host: '127.0.0.1', port: this.#port, method: 'POST', path, headers, agent })
      request.setTimeout(answerTimeoutMs, () => request.destroy(new Error(`nothing came for ${answerTimeoutMs} ms`)))
      request.on('error', reject).on('response', response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        response.on('error', reject).on('end', () => resolve({ status: response.statusCode as number, text }))
      })
      request.end(body)
    })
  }
}
