import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type EncryptedApp, encryptedService, keyContainer } from '../../support/encrypted-app.ts'
import { PrometheusPage } from '../../support/prometheus-page.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { type Material, makeMaterial } from './material.ts'
import { type Mutation, mutate } from './mutations.ts'

export interface Findings {
  /** Answers by kind of mutation and status. */
  readonly answers: Readonly<Record<string, Readonly<Record<number, number>>>>
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number }
  /** The longest of each kind. */
  readonly slowestMs: Readonly<Record<string, number>>
  /** At rest, after the first tenth and at the end; undefined where the system does not tell. */
  readonly firstMb: number | undefined
  readonly lastMb: number | undefined
  /** What a caller would complain about; empty: all was well. */
  readonly violations: readonly string[]
}

const connections = 8
const maxViolations = 20

/** Sends so many mutated requests to the app, and real ones between them, whose scores have to stay right. */
export async function runMutations(
  running: EncryptedApp,
  { count, seed, log = () => {} }: { count: number; seed: number; log?: (line: string) => void },
): Promise<Findings> {
  const random = seededRandom(seed)
  const material = await makeMaterial(running)
  const sender = new Sender(running, await running.app.keyOf(encryptedService), random)
  const answers: Record<string, Record<number, number>> = {}
  const slowestMs: Record<string, number> = {}
  const times: number[] = []
  const violations: string[] = []
  const note = (violation: string) => {
    if (violations.length >= maxViolations) return
    violations.push(violation)
    log(`VIOLATION: ${violation}`)
  }
  const restartsBefore = await readRestarts(running)
  let sent = 0
  const work = async (limit: number) => {
    while (sent < limit) {
      const number = sent++
      const mutation = mutate(material, random)
      const begunAt = performance.now()
      const { status, text } = await sender.send(mutation, material)
      const ms = performance.now() - begunAt
      times.push(ms)
      slowestMs[mutation.kind] = Math.max(slowestMs[mutation.kind] ?? 0, ms)
      const ofKind = answers[mutation.kind] ?? {}
      answers[mutation.kind] = { ...ofKind, [status]: (ofKind[status] ?? 0) + 1 }
      const isRight = status === 200 ? !mutation.isInvalid && isAnswer(text) : status >= 400 && status < 500
      if (!isRight) note(`request ${number}, ${mutation.kind}: ${status} ${text.slice(0, 200)}`)
      if (number % 10_000 === 9_999) log(`${number + 1} requests, ${readMemoryMb(running)} MiB`)
    }
  }
  const sendUntil = async (limit: number) => {
    await Promise.all(Array.from({ length: connections }, () => work(limit)))
    await sleep(1000)
    return readMemoryMb(running)
  }
  const firstMb = await sendUntil(count / 10)
  const lastMb = await sendUntil(count)
  if (!(await isStillRight(running, material))) note('a real request no longer gets its scores')
  if ((await readRestarts(running)) !== restartsBefore) note('a worker was replaced')
  if (/unexpected failure/.test(running.app.output())) note('the log has an unexpected failure')
  sender.close()
  times.sort((one, other) => one - other)
  const quantile = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
  return {
    ...{ answers, slowestMs, violations, firstMb, lastMb },
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max: quantile(1) },
  }
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Sends requests over connections that stay open. */
class Sender {
  readonly #running: EncryptedApp
  readonly #key: string
  readonly #random: () => number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: connections })

  constructor(running: EncryptedApp, key: string, random: () => number) {
    this.#running = running
    this.#key = key
    this.#random = random
  }

  async send(mutation: Mutation, material: Material): Promise<Answer> {
    if (mutation.target === 'score') return this.#post('POST', '/score', mutation)
    const id = Array.from({ length: 32 }, () => 'abcdefghijklmnopqrstuvwxyz234567'[Math.floor(this.#random() * 32)])
    const keyId = id.join('')
    if (mutation.target === 'put') return this.#post('PUT', `/encrypted/keys/${keyId}`, mutation)
    const blob = this.#running.blobs.getContainerClient(keyContainer).getBlockBlobClient(keyId)
    await blob.uploadData(mutation.body)
    const body = Buffer.from(JSON.stringify({ data: [material.packedText], key_id: keyId }))
    const answer = await this.#post('POST', '/score', { ...mutation, body })
    await blob.delete()
    return answer
  }

  #post(method: string, path: string, { contentType, contentEncoding, body }: Mutation): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const headers = {
      authorization: `Bearer ${this.#key}`,
      'content-type': contentType,
      'content-length': body.length,
      ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
    }
    const call = request(this.#running.url + path, { method, headers, agent: this.#agent }, response => {
      readText(response).then(text => resolve({ status: response.statusCode ?? 0, text }), reject)
    })
    call.on('error', failure => resolve({ status: 0, text: `no answer: ${failure.message}` }))
    call.end(body)
    return promise
  }

  close(): void {
    this.#agent.destroy()
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}

/** A list of replies or of scores, or a reply of the fast mode. */
function isAnswer(text: string): boolean {
  const answer = JSON.parse(text) as unknown
  return Array.isArray(answer) || (typeof answer === 'object' && answer !== null && 'scores' in answer)
}

/** Whether scores are still those of an unencrypted row. */
async function isStillRight({ app, call }: EncryptedApp, { client, features }: Material): Promise<boolean> {
  const plain = await app.score(encryptedService, JSON.stringify({ data: [features] }))
  const [expected] = (await plain.json()) as number[][]
  const body = JSON.stringify({ data: client.encrypt(features), key_id: client.keyId })
  const replies = (await (await app.score(encryptedService, body)).json()) as string[]
  const health = await call('GET', encryptedService)
  return (
    health.status === 200 &&
    replies.every(
      (reply, index) =>
        Math.abs(client.decrypt(Buffer.from(reply, 'base64')) - (expected?.[index] ?? Number.NaN)) < 1e-4,
    )
  )
}

async function readRestarts({ app }: EncryptedApp): Promise<number> {
  const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
  return page.totalOf('scoring_thread_restarts_total')
}

function readMemoryMb({ app }: EncryptedApp): number | undefined {
  if (process.platform !== 'linux') return undefined
  const status = readFileSync(`/proc/${app.process.pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024)
}
