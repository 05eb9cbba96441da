import type { Dice } from './dice.ts'
import type { Hosts } from './hosts.ts'

export interface JobCall {
  readonly service: string
  /** Behind `…/jobs`. */
  readonly path?: string
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** A form, or what is sent as JSON. */
  readonly body?: object | FormData
}

export interface JobAnswer {
  readonly status: number
  readonly body: unknown
}

/** Calls a host by chance. @returns undefined: no answer, as the host died meanwhile */
export async function call(hosts: Hosts, dice: Dice, { service, path = '', method = 'GET', body }: JobCall) {
  try {
    const response = await fetch(`${await hosts.anyUrl(dice)}/api/v1/service/${service}/jobs${path}`, {
      method,
      ...(body instanceof FormData ? { body } : asJson(body)),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) } satisfies JobAnswer
  } catch {
    return undefined
  }
}

function asJson(body: object | undefined) {
  return body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

/** For so long all hosts together may give no answer. */
const longestMs = 180_000

/** Repeats a call until a host answers it, and not with a failure of its own. */
export async function callUntilAnswered(hosts: Hosts, dice: Dice, asked: JobCall): Promise<JobAnswer> {
  const until = Date.now() + longestMs
  for (;;) {
    const answer = await call(hosts, dice, asked)
    if (answer && answer.status < 500 && answer.status !== 429) return answer
    if (Date.now() > until) throw new Error(`${asked.method} ${asked.path}: ${JSON.stringify(answer)} for minutes`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
