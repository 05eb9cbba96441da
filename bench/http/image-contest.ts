/** ResNet-50: a model that computes for long. Does scoring in a thread cost requests, and what does it give others? */

import { join } from 'node:path'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { benchDir, cachedModel } from '../cache.ts'
import type { LoadGenerator } from '../load/load-generator.ts'
import { imageShape, resnet50 } from '../models/resnet50.ts'
import { median } from '../report/statistics.ts'
import { type Contestant, contest, type RequestParts, type RoundResult, type Settings } from './contest.ts'
import { ourHost, prepareService, primaryKeyOf } from './our-host.ts'
import { type Comparison, compare } from './results.ts'
import { withGapMonitor } from './server-process.ts'

const ours = 'embedded host, scoring thread'
const builtIn = 'embedded host, built-in script'
const inline = 'node:http, inline session.run'
/** The built-in script writes its scores as JSON, which may cost a tenth of the inference with all the rest. */
const targets = { requests: 0.97, builtInRequests: 0.91, healthMs: 20 }
const connections = 4

/** How `GET /health/live` fared while the model was under load. */
export interface HealthResult {
  readonly server: string
  readonly p50Ms: number
  readonly p97Ms: number
  readonly p99Ms: number
  readonly longestGapMs: number | undefined
  readonly targetMs: number | undefined
  readonly isMet: boolean | undefined
}

export async function imageContest(
  generator: LoadGenerator,
  settings: Settings,
): Promise<{ comparisons: Comparison[]; health: HealthResult[] }> {
  const model = await cachedModel('resnet50', resnet50)
  const services = await prepareService('resnet50', join(benchDir, 'http', 'services', 'resnet50'), {
    '1/resnet50.onnx': model,
  })
  const tensorServices = await prepareService(
    'resnet50-tensor',
    join(benchDir, 'http', 'services', 'resnet50-tensor'),
    {
      '1/resnet50.onnx': model,
    },
  )
  const body = randomImage()
  const request = (headers: Record<string, string>): RequestParts => ({
    method: 'POST',
    path: '/score',
    headers: { 'content-type': 'application/octet-stream', ...headers },
    body,
  })
  const contestants: Contestant[] = [
    {
      name: inline,
      command: withGapMonitor({
        command: process.execPath,
        args: [join(benchDir, 'http', 'servers', 'inline-image.ts'), model],
      }),
      request: async () => request({ authorization: 'Bearer none' }),
      probePath: '/healthz',
    },
    {
      name: ours,
      command: withGapMonitor(ourHost(services)),
      request: async () => request({ authorization: `Bearer ${await primaryKeyOf('resnet50')}` }),
      probePath: '/health/live',
    },
    {
      name: builtIn,
      command: withGapMonitor(ourHost(tensorServices)),
      request: async () => request({ authorization: `Bearer ${await primaryKeyOf('resnet50-tensor')}` }),
      probePath: '/health/live',
    },
  ]
  // All run the same model in the same runtime: their answers are the same to the bit.
  let expected: Uint8Array | undefined
  const isRight = (answer: Uint8Array) => {
    const scores = answer[0] === openBracket ? scoresOf(answer) : answer
    expected ??= scores
    return scores.length === 4000 && Buffer.compare(scores, expected) === 0
  }
  const results = (await contest(generator, contestants, [connections], settings, isRight)).get(connections)
  const roundsOf = (name: string) => results?.get(name) ?? []
  const compareWithInline = (measurement: string, name: string, target: number) =>
    compare(measurement, connections, name, new Map([name, inline].map(each => [each, roundsOf(each)])), {
      [inline]: target,
    })
  return {
    comparisons: [
      ...compareWithInline('ResNet-50, raw float32 image', ours, targets.requests),
      ...compareWithInline('the same, without a script', builtIn, targets.builtInRequests),
    ],
    health: [healthOf(ours, roundsOf(ours), targets.healthMs), healthOf(inline, roundsOf(inline), undefined)],
  }
}

function healthOf(server: string, rounds: readonly RoundResult[], targetMs: number | undefined): HealthResult {
  const typical = (quantile: 'p50' | 'p97' | 'p99') =>
    median(rounds.map(({ probeMs }) => probeMs?.[quantile] ?? Number.NaN))
  const gaps = rounds.map(({ longestGapMs }) => longestGapMs ?? Number.NaN)
  const p97Ms = typical('p97')
  return {
    server,
    p50Ms: typical('p50'),
    p97Ms,
    p99Ms: typical('p99'),
    longestGapMs: Math.max(...gaps),
    targetMs,
    isMet: targetMs === undefined ? undefined : p97Ms <= targetMs,
  }
}

const openBracket = '['.charCodeAt(0)

/** The built-in script answers `[[0.1, …]]`, in digits that read back as the same float32. */
function scoresOf(answer: Uint8Array): Uint8Array {
  const [scores] = JSON.parse(new TextDecoder().decode(answer)) as number[][]
  return new Uint8Array(Float32Array.from(scores as number[]).buffer)
}

function randomImage(): Uint8Array<ArrayBuffer> {
  const random = seededRandom(224)
  const pixels = Float32Array.from({ length: imageShape.reduce((product, size) => product * size, 1) }, random)
  return new Uint8Array(pixels.buffer)
}
