import { setTimeout as sleep } from 'node:timers/promises'
import { latenciesOf } from '../report/statistics.ts'
import { type AnswerHead, KeepAliveConnection } from './keep-alive-connection.ts'
import type { LoadJob, LoadResult } from './load-job.ts'

/** Each connection sends its next request when it has the answer to the one before. */
export async function runClosedLoop(job: LoadJob): Promise<LoadResult> {
  const clients = Array.from({ length: job.connections }, () => new Client(job.port, job.request, job.answerBytes))
  const probe = job.probe && new Client(job.port, job.probe.request, undefined, job.probe.pauseMs)
  const all = probe ? [...clients, probe] : clients
  for (const client of all) client.start()
  await sleep(job.rampSeconds * 1000)
  const before = latestAnswer(clients)
  const cpuBefore = process.cpuUsage()
  for (const client of all) client.forget()
  await sleep(job.seconds * 1000)
  const latencies = clients.flatMap(client => client.latencies)
  const cpu = process.cpuUsage(cpuBefore)
  // From an answer to an answer: with few, long requests the edges of the window would count for much.
  const seconds = (latestAnswer(clients) - before) / 1000
  for (const client of all) client.stop()
  return {
    requestsPerSecond: latencies.length / seconds,
    requests: latencies.length,
    failures: all.reduce((sum, client) => sum + client.failures, 0),
    latencyMs: latenciesOf(latencies),
    probeMs: probe && latenciesOf(probe.latencies),
    generatorCpuMicroseconds: (cpu.user + cpu.system) / latencies.length,
  }
}

function latestAnswer(clients: readonly Client[]): number {
  return clients.reduce((latest, client) => Math.max(latest, client.answeredAt), 0)
}

/** A caller that sends its next request when it has the answer to the one before. */
class Client {
  latencies: number[] = []
  failures = 0
  answeredAt = performance.now()
  readonly #port: number
  readonly #request: Buffer
  readonly #answerBytes: number | undefined
  readonly #pauseMs: number
  #connection: KeepAliveConnection
  #sentAt = 0
  #isStopped = false

  constructor(port: number, request: Buffer, answerBytes: number | undefined, pauseMs = 0) {
    this.#port = port
    this.#request = request
    this.#answerBytes = answerBytes
    this.#pauseMs = pauseMs
    this.#connection = new KeepAliveConnection(port)
  }

  start(): void {
    this.#sentAt = performance.now()
    this.#connection.send(this.#request, this.#answered, this.#failed)
  }

  forget(): void {
    this.latencies = []
  }

  stop(): void {
    this.#isStopped = true
    this.#connection.close()
  }

  #answered = ({ status, length, isLast }: AnswerHead): void => {
    this.answeredAt = performance.now()
    const isRight = status === 200 && (this.#answerBytes ?? length) === (length ?? this.#answerBytes)
    if (isRight) this.latencies.push(this.answeredAt - this.#sentAt)
    else this.failures++
    if (isLast) {
      this.#connection.close()
      this.#connection = new KeepAliveConnection(this.#port)
    }
    this.#next()
  }

  #failed = (): void => {
    if (this.#isStopped) return
    this.failures++
    this.#connection.close()
    this.#connection = new KeepAliveConnection(this.#port)
    setTimeout(() => this.#next(), 10)
  }

  #next(): void {
    if (this.#isStopped) return
    if (this.#pauseMs > 0) setTimeout(() => !this.#isStopped && this.start(), this.#pauseMs)
    else this.start()
  }
}
