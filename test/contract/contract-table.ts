/**
 * The table of `Done when` in executable form: each row is one line of the Azure ML contract (its server 1.5.1, observed),
 * sent over a raw socket to the built app. What a row expects is the original's answer; a row that `differs` on purpose
 * holds ours, with the reason.
 */
import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type RunningApp, runApp } from '../support/running-app.ts'
import type { ServiceFiles } from '../support/service-folder.ts'
import { exchange, type RawAnswer } from './raw-http.ts'

export interface ContractRequest {
  /** Called at `/api/v1/service/<service>/score`, with its key. */
  readonly service?: string
  /** Instead of the service's own; `{service}` of the path is not filled in. */
  readonly path?: string
  /** What follows the service's path instead of `/score`, e.g. `/swagger.json?version=3`. */
  readonly at?: string
  readonly method?: string
  /** Lines as they are sent; there is no content type unless one is given. */
  readonly headers?: readonly string[]
  readonly body?: string | Uint8Array
  /** Send the body in chunks of this many bytes. */
  readonly chunks?: number
}

export interface ContractAnswer {
  readonly status: number
  readonly type?: string
  readonly body?: string | RegExp
  /** Members that the JSON of the body has, in any order. */
  readonly has?: object
  /** The text of an error; ours has a stable `code` besides (design: error bodies). */
  readonly message?: string
  /** `x-ms-run-function-failed`; not given: there is no such header. */
  readonly failed?: 'True' | 'False'
  /** There is `x-ms-run-fn-exec-ms`, with three decimals; not given: there is none. */
  readonly timed?: boolean
  /** The original's router answers, not a handler: no ids, no version, no CORS headers. */
  readonly router?: boolean
  /** Others: its value, its values when it is repeated, or undefined when there is none. */
  readonly headers?: Readonly<Record<string, string | RegExp | readonly string[] | undefined>>
}

export interface ContractRow {
  /** The line of the reference. */
  readonly line: string
  readonly request: ContractRequest
  readonly expected: ContractAnswer
  /** Why we answer otherwise than the original. */
  readonly differs?: string
}

export const json = 'application/json'
export const html = 'text/html; charset=utf-8'
export const asJson = [`Content-Type: ${json}`]

/** Shorthand for what a run that succeeded gives. */
export const scored = (body: string | RegExp): ContractAnswer => ({
  status: 200,
  type: json,
  body,
  failed: 'False',
  timed: true,
})

/** Shorthand for an error that the server builds. */
export const refused = (status: number, message: string, failed: 'True' | 'False' = 'False'): ContractAnswer => ({
  status,
  type: json,
  message,
  failed,
})

/** Runs the app with these services and sends each row. */
export function contractTable(
  section: string,
  services: ServiceFiles,
  rows: readonly ContractRow[],
  environment: Record<string, string> = {},
): void {
  describe(`Azure ML contract, ${section}`, () => {
    let app: RunningApp
    const cleanUps: (() => unknown)[] = []
    beforeAll(async () => {
      app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) }, services, environment)
      await app.settled()
    })
    afterAll(async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp()
    })
    const cases = rows.map(row => ({ ...row, name: row.differs ? `${row.line} (differs: ${row.differs})` : row.line }))
    it.each(cases)('$name', async ({ request, expected }) => {
      check(await send(app, request), expected, request.method ?? 'POST')
    })
  })
}

async function send(app: RunningApp, request: ContractRequest): Promise<RawAnswer> {
  const { service, method = 'POST', headers = [], body, chunks } = request
  const path = request.path ?? `/api/v1/service/${service}${request.at ?? '/score'}`
  const bytes = Buffer.from(body ?? '')
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close']
  if (service) lines.push(`Authorization: Bearer ${await app.keyOf(service)}`)
  lines.push(...headers)
  if (chunks) lines.push('Transfer-Encoding: chunked')
  else if (body !== undefined) lines.push(`Content-Length: ${bytes.length}`)
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return exchange(app.url, method, Buffer.concat([head, chunks ? inChunks(bytes, chunks) : bytes]))
}

function inChunks(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

function check(answer: RawAnswer, expected: ContractAnswer, method: string): void {
  const valuesOf = (name: string) =>
    answer.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  const text = answer.body.toString('utf8')
  assert.equal(answer.status, expected.status, text)
  if (expected.type !== undefined) assert.deepEqual(valuesOf('content-type'), [expected.type])
  if (method === 'HEAD') assert.equal(text, '')
  else if (expected.message !== undefined) checkError(text, expected.message)
  else if (expected.body instanceof RegExp) assert.match(text, expected.body)
  else if (expected.body !== undefined) assert.equal(text, expected.body)
  if (expected.has) assert.partialDeepStrictEqual(JSON.parse(text), expected.has)
  assert.deepEqual(valuesOf('x-ms-run-function-failed'), expected.failed ? [expected.failed] : [])
  if (expected.timed) assert.match(valuesOf('x-ms-run-fn-exec-ms').join(), /^\d+\.\d{3}$/)
  else assert.deepEqual(valuesOf('x-ms-run-fn-exec-ms'), [])
  const others: ContractAnswer['headers'] = { ...(expected.router ? fromRouter : fromHandler), ...expected.headers }
  for (const [name, value] of Object.entries(others)) {
    if (value instanceof RegExp) assert.match(valuesOf(name).join(), value, name)
    else assert.deepEqual(valuesOf(name), value === undefined ? [] : typeof value === 'string' ? [value] : value, name)
  }
}

/** Every answer of a handler has these (contract, sections 1 and 2), every answer of the router has none. */
const fromHandler: ContractAnswer['headers'] = {
  'x-request-id': /./,
  'x-ms-request-id': /./,
  'x-ms-server-version': /^scoring-functions\/\d+\.\d+\.\d+$/,
}
const fromRouter: ContractAnswer['headers'] = {
  'x-request-id': undefined,
  'x-ms-request-id': undefined,
  'x-ms-client-request-id': undefined,
  'x-ms-server-version': undefined,
  'access-control-allow-origin': undefined,
}

function checkError(text: string, message: string): void {
  const { code, ...rest } = JSON.parse(text) as { message: string; code: string }
  assert.deepEqual(rest, { message })
  assert.match(code, /^[A-Z][A-Z_0-9]+$/)
}
