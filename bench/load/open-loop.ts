import { setTimeout as sleep } from 'node:timers/promises'
import { latenciesOf } from '../report/statistics.ts'
import { atMoments, nowMs, poissonMoments } from './arrivals.ts'
import { KeepAliveConnection } from './keep-alive-connection.ts'
import type { OpenLoadJob, OpenLoadResult } from './load-job.ts'

/** More than any queue of the server holds; what needs still more is not sent. */
const maxConnections = 4096
/** Opened before the load begins; the rest as they are needed. */
const firstConnections = 64
/** Requests that leave later than that in one case of a hundred do not come at their own times any more. */
const longestLagMs = 10
/** So far behind, the generator gives up: it would only go on to send what should have left long ago. */
const hopelessLagMs = 250
/** How long to wait for the last answers. */
const drainTimeoutMs = 20_000

/** Sends every request when its time has come; waits for no answer. */
export async function runOpenLoop(job: OpenLoadJob): Promise<OpenLoadResult> {
  const load = new OpenLoad(job)
  await sleep(100) // for the connections to open
  return load.run()
}

class OpenLoad {
  readonly #job: OpenLoadJob
  readonly #free: KeepAliveConnection[] = []
  readonly #all = new Set<KeepAliveConnection>()
  readonly #latencies: number[] = []
  readonly #refusals: number[] = []
  readonly #lags: number[] = []
  readonly #acceptedAt: number[] = []
  #offered = 0
  #expired = 0
  #failures = 0
  #unsent = 0
  #open = 0

  constructor(job: OpenLoadJob) {
    this.#job = job
    for (let count = 0; count < firstConnections; count++) this.#free.push(this.#connect())
  }

  async run(): Promise<OpenLoadResult> {
    const { requestsPerSecond, seconds, rampSeconds, seed } = this.#job
    const begunAt = nowMs() + 50
    const moments = poissonMoments(requestsPerSecond, rampSeconds + seconds, seed).map(moment => begunAt + moment)
    const countFrom = begunAt + rampSeconds * 1000
    await atMoments(moments, index => this.#send(index, moments[index] as number, countFrom))
    for (const endedAt = nowMs(); this.#open > 0 && nowMs() - endedAt < drainTimeoutMs; ) await sleep(20)
    const connections = this.#all.size
    for (const connection of this.#all) connection.close()
    const lagMs = latenciesOf(this.#lags)
    return {
      offered: this.#offered,
      accepted: this.#latencies.length,
      refused: this.#refusals.length,
      expired: this.#expired,
      failures: this.#failures + this.#open,
      acceptedPerSecond: ratePerSecond(this.#acceptedAt, countFrom, countFrom + seconds * 1000),
      latencyMs: latenciesOf(this.#latencies),
      refusalMs: latenciesOf(this.#refusals),
      lagMs,
      connections,
      isLimited: this.#unsent > 0 || lagMs.p99 > longestLagMs,
    }
  }

  #connect(): KeepAliveConnection {
    const connection = new KeepAliveConnection(this.#job.port)
    this.#all.add(connection)
    return connection
  }

  #takeFree(): KeepAliveConnection | undefined {
    for (let connection = this.#free.pop(); connection; connection = this.#free.pop()) {
      if (connection.isOpen) return connection
      this.#all.delete(connection)
    }
    return undefined
  }

  /** @returns whether there is any sense in going on */
  #send(index: number, moment: number, countFrom: number): boolean {
    const isCounted = moment >= countFrom
    const lagMs = nowMs() - moment
    if (isCounted) {
      this.#offered++
      this.#lags.push(lagMs)
    }
    const isHopeless = lagMs > hopelessLagMs
    const connection = this.#takeFree() ?? (this.#all.size < maxConnections ? this.#connect() : undefined)
    if (!connection || isHopeless) {
      this.#unsent++
      return !isHopeless
    }
    const { requests } = this.#job
    if (isCounted) this.#open++
    connection.send(
      requests[index % requests.length] as Buffer,
      ({ status, isLast }) => {
        if (!isLast) this.#free.push(connection)
        else {
          connection.close()
          this.#all.delete(connection)
        }
        const now = nowMs()
        if (status === 200) this.#acceptedAt.push(now)
        if (!isCounted) return
        this.#open--
        if (status === 200) this.#latencies.push(now - moment)
        else if (status === 503) this.#refusals.push(now - moment)
        else if (status === 504) this.#expired++
        else this.#failures++
      },
      () => {
        this.#all.delete(connection)
        if (!isCounted) return
        this.#open--
        this.#failures++
      },
    )
    return true
  }
}

/** From an answer to an answer: with few, long requests the edges of the window would count for much. */
function ratePerSecond(answeredAt: readonly number[], from: number, to: number): number {
  const within = answeredAt.filter(at => at >= from && at <= to)
  const before = answeredAt.reduce((latest, at) => (at < from ? Math.max(latest, at) : latest), 0) || from
  const last = within.at(-1)
  return last === undefined ? 0 : (within.length / (last - before)) * 1000
}
