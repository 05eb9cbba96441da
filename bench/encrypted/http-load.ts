import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EncryptedLinearClient } from '../../src/client/encrypted-linear-client.ts'
import { rootDir } from '../cache.ts'
import { ourHost, prepareService, primaryKeyOf } from '../http/our-host.ts'
import { ServerProcess } from '../http/server-process.ts'
import { encodeRequest, LoadGenerator } from '../load/load-generator.ts'

/** The fast mode over HTTP, and what the app holds after many requests. Undefined numbers: the system does not tell. */
export interface HttpLoad {
  readonly requests: number
  readonly failures: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly firstMb: number | undefined
  readonly lastMb: number | undefined
}

const service = 'digits-encrypted'
const connections = 16
const roundSeconds = 5
const maxRounds = 20

/** @param requests  at least so many are sent after the first round, unless they take longer than `maxRounds` */
export async function measureHttpLoad(requests: number): Promise<HttpLoad> {
  const source = join(rootDir, 'examples', service)
  const services = await prepareService(service, source, {})
  const server = await ServerProcess.start(ourHost(services))
  const generator = new LoadGenerator()
  try {
    const path = `/api/v1/service/${service}`
    const key = await primaryKeyOf(service)
    const client = await EncryptedLinearClient.create({ url: `http://127.0.0.1:${server.port}${path}`, key })
    const { data } = JSON.parse(await readFile(join(source, 'sample.json'), 'utf8'))
    await client.predict(data as number[][])
    const type = 'application/octet-stream'
    const request = encodeRequest({
      method: 'POST',
      path: `${path}/score`,
      headers: { authorization: `Bearer ${key}`, 'content-type': type, accept: type },
      body: client.encrypt(data[0]),
    })
    const run = () =>
      generator.run({
        ...{ port: server.port, connections, request, answerBytes: undefined },
        ...{ seconds: roundSeconds, rampSeconds: 1 },
      })
    await run()
    await sleep(1000)
    const firstMb = server.residentMemoryMb()
    const rounds = []
    for (let sent = 0; sent < requests && rounds.length < maxRounds; ) {
      const round = await run()
      rounds.push(round)
      sent += round.requests
    }
    await sleep(1000)
    const best = rounds.reduce((one, other) => (other.requestsPerSecond > one.requestsPerSecond ? other : one))
    return {
      requests: rounds.reduce((sum, round) => sum + round.requests, 0),
      failures: rounds.reduce((sum, round) => sum + round.failures, 0),
      requestsPerSecond: best.requestsPerSecond,
      p50Ms: best.latencyMs.p50,
      p99Ms: best.latencyMs.p99,
      firstMb,
      lastMb: server.residentMemoryMb(),
    }
  } finally {
    generator.stop()
    await server.stop()
  }
}
