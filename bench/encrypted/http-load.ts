import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EncryptedLinearClient } from '../../src/client/encrypted-linear-client.ts'
import { Kernel } from '../../src/encrypted/kernel.ts'
import { startAzurite } from '../../src/host/azurite/local-storage.ts'
import { GenuineClient } from '../../test/encrypted/support/genuine-client.ts'
import { rootDir } from '../cache.ts'
import { ourHost, prepareService, primaryKeyOf } from '../http/our-host.ts'
import { ServerProcess } from '../http/server-process.ts'
import { encodeRequest, LoadGenerator } from '../load/load-generator.ts'

/** A mode over HTTP, and what the app holds while it serves it. */
export interface HttpLoad {
  readonly mode: 'fast' | 'original'
  readonly requests: number
  readonly failures: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** After the first round and each further one; empty where the system does not tell. */
  readonly memory: readonly { readonly requests: number; readonly residentMb: number }[]
}

const service = 'digits-encrypted'
const connections = 16
const roundSeconds = 5
const maxRounds = 20

interface Loaded {
  readonly server: ServerProcess
  readonly generator: LoadGenerator
  /** `/api/v1/service/digits-encrypted` */
  readonly path: string
  readonly key: string
  readonly rows: readonly (readonly number[])[]
}

/** @param requests  of each mode at least so many are sent, unless they take longer than `maxRounds` */
export async function measureHttpLoads(requests: { fast: number; original: number }): Promise<HttpLoad[]> {
  const source = join(rootDir, 'examples', service)
  const services = await prepareService(service, source, {})
  const folder = await mkdtemp(join(tmpdir(), 'bench-encrypted-storage-'))
  const storage = await startAzurite(folder, line => console.error(line))
  const generator = new LoadGenerator()
  const server = await ServerProcess.start(ourHost(services, { AzureWebJobsStorage: storage.connectionString }))
  try {
    const { data } = JSON.parse(await readFile(join(source, 'sample.json'), 'utf8'))
    const key = await primaryKeyOf(service)
    const loaded = { server, generator, path: `/api/v1/service/${service}`, key, rows: data }
    const fast = await measure(loaded, 'fast', { requests: requests.fast, request: await fastRequest(loaded) })
    const original = { requests: requests.original, request: await originalRequest(loaded) }
    return [fast, await measure(loaded, 'original', original)]
  } finally {
    generator.stop()
    await server.stop()
    await storage.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(
  { server, generator }: Loaded,
  mode: HttpLoad['mode'],
  { requests, request }: { readonly requests: number; readonly request: Buffer },
): Promise<HttpLoad> {
  const memory: { requests: number; residentMb: number }[] = []
  const rounds = []
  // Those of a ramp are not counted; there are none after the first round.
  let sent = 0
  for (let round = 0; round < maxRounds && (round === 0 || sent < requests); round++) {
    const result = await generator.run({
      ...{ port: server.port, connections, request, answerBytes: undefined },
      ...{ seconds: roundSeconds, rampSeconds: round === 0 ? 2 : 0 },
    })
    rounds.push(result)
    sent += result.requests
    await sleep(1000)
    const residentMb = server.residentMemoryMb()
    if (residentMb !== undefined) memory.push({ requests: sent, residentMb })
  }
  const best = rounds.reduce((one, other) => (other.requestsPerSecond > one.requestsPerSecond ? other : one))
  return {
    ...{ mode, memory, requests: sent },
    failures: rounds.reduce((sum, round) => sum + round.failures, 0),
    requestsPerSecond: best.requestsPerSecond,
    p50Ms: best.latencyMs.p50,
    p99Ms: best.latencyMs.p99,
  }
}

async function fastRequest({ server, path, key, rows }: Loaded): Promise<Buffer> {
  const client = await EncryptedLinearClient.create({ url: `http://127.0.0.1:${server.port}${path}`, key })
  await client.predict(rows)
  const type = 'application/octet-stream'
  const headers = { authorization: `Bearer ${key}`, 'content-type': type, accept: type }
  return encodeRequest({ method: 'POST', path: `${path}/score`, headers, body: client.encrypt(rows[0] ?? []) })
}

/** As the Python package sends it, by our test's own client, which needs no Python. */
async function originalRequest({ server, path, key, rows }: Loaded): Promise<Buffer> {
  const client = new GenuineClient(await Kernel.create(), Buffer.alloc(64, 14), 'bench')
  const authorization = `Bearer ${key}`
  const stored = await fetch(`http://127.0.0.1:${server.port}${path}/encrypted/keys/${client.keyId}`, {
    method: 'PUT',
    body: new Uint8Array(client.publicKeys()),
    headers: { authorization, 'content-type': 'application/octet-stream' },
  })
  if (!stored.ok) throw new Error(`public keys are not stored: ${stored.status} ${await stored.text()}`)
  const body = Buffer.from(JSON.stringify({ data: client.encrypt(rows[0] ?? []), key_id: client.keyId }))
  const headers = { authorization, 'content-type': 'application/json' }
  return encodeRequest({ method: 'POST', path: `${path}/score`, headers, body })
}
