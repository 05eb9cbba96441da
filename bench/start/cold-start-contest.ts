import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { build } from 'esbuild'
import { cacheDir, rootDir } from '../cache.ts'
import { ourHost, prepareApps, prepareService, primaryKeyOf } from '../http/our-host.ts'
import { type ServerCommand, ServerProcess } from '../http/server-process.ts'
import { median, ratioOf } from '../report/statistics.ts'
import type { StartResult } from './bench.ts'

const target = 1.5
/** The published answer to the sample's first row. */
const expected = '[217.67978776218715]'

/** From the start of a process to its first answer over HTTP: `diabetes` on our host, and bare node:http. */
export async function coldStartContest(settings: { rounds: number; isBuilt: boolean }): Promise<StartResult[]> {
  await prepareApps(settings.isBuilt)
  const services = await prepareService('diabetes', join(rootDir, 'models/diabetes'), {})
  const bareServer = join(cacheDir, 'start', 'inline-row.mjs')
  await build({
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    minifySyntax: true,
    external: ['onnxruntime-node'],
    entryPoints: [join(rootDir, 'bench/http/servers/inline-row.ts')],
    outfile: bareServer,
  })
  const bare = { command: process.execPath, args: [bareServer, join(rootDir, 'models/diabetes/1/model.onnx')] }
  const ours = ourHost(services)
  await (await ServerProcess.start(ours)).stop() // which makes its keys
  const { data } = JSON.parse(await readFile(join(rootDir, 'models/diabetes/sample.json'), 'utf8')) as {
    data: number[][]
  }
  const body = JSON.stringify({ data: data.slice(0, 1) })
  const headers = { authorization: `Bearer ${await primaryKeyOf('diabetes')}` }
  const [bareMs, ourMs]: [number[], number[]] = [[], []]
  for (let round = 0; round < settings.rounds; round++) {
    const turns = [
      () => firstAnswerMs(bare, {}, body).then(ms => bareMs.push(ms)),
      () => firstAnswerMs(ours, headers, body).then(ms => ourMs.push(ms)),
    ]
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn()
  }
  const what = 'process start to the first score over HTTP'
  const ratio = ratioOf(ourMs, bareMs)
  return [
    { what, how: 'node:http + onnxruntime-node, bundled', ms: median(bareMs) },
    { what, how: 'embedded host', ms: median(ourMs), ratio, target, isMet: ratio.median <= target },
  ]
}

/** The request is sent when the server says that it listens; ours lets it wait for its model. */
async function firstAnswerMs(command: ServerCommand, headers: Record<string, string>, body: string): Promise<number> {
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
    if (text !== expected) throw new Error(`a first answer was ${answer.statusCode} ${text}`)
    return ms
  } finally {
    await server.stop()
  }
}
