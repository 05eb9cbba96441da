import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { benchDir, cacheDir, cachedModel, rootDir } from '../cache.ts'
import type { RoundResult, Settings } from '../http/contest.ts'
import { ourHost, prepareApps, prepareService, primaryKeyOf } from '../http/our-host.ts'
import { type PythonVenv, preparePythonVenv } from '../http/python-venv.ts'
import { type Comparison, compare, comparisonTable } from '../http/results.ts'
import type { ServerCommand } from '../http/server-process.ts'
import { imageMean } from '../models/image-mean.ts'
import { imageShape } from '../models/resnet50.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import type { BenchResult } from '../report/record.ts'
import { buildGoLoad, GoLoad } from './go-load.ts'
import { entryName, protocolContest, type ServerUnderTest } from './protocol-contest.ts'
import { bareOctetsForm, binaryForm, grpcForm, jsonForm, octetsForm, type Row } from './requests.ts'

const names = {
  ours: 'embedded host',
  http2: 'node:http2 + onnxruntime-node',
  http: 'node:http + onnxruntime-node',
  grpcio: 'grpcio + onnxruntime (8 threads)',
}
const inFlight = [16, 64]

/** A model with the row that is sent, and what ours should reach of the others. */
interface Case {
  readonly what: string
  readonly row: Row
  /** Path of the model. */
  readonly model: string
  readonly services: string
  /** Of our gRPC, by the line that it is compared with. */
  readonly grpcTargets: Readonly<Record<string, number>>
  /** Of our V2 binary against raw octets. */
  readonly binaryTarget: number
}

/** `npm run bench -- grpc`: the same rows over gRPC and over HTTP/1.1, ours and others. */
export async function benchGrpc(settings: Settings): Promise<BenchResult> {
  await buildGoLoad()
  await prepareApps(settings.isBuilt)
  const python = await preparePythonVenv()
  const folder = join(cacheDir, 'grpc-requests')
  await mkdir(folder, { recursive: true })
  const generator = new GoLoad()
  try {
    const comparisons: Comparison[] = []
    for (const each of [await rowCase(), await imageCase()]) {
      const servers = serversOf(each, python)
      const results = await protocolContest(generator, servers, { row: each.row, inFlight, folder }, settings)
      for (const [count, rounds] of results) comparisons.push(...compareAll(each, count, rounds))
    }
    return report(comparisons, settings, 'missing' in python ? [`${names.grpcio}: ${python.missing}`] : [])
  } finally {
    generator.stop()
  }
}

async function rowCase(): Promise<Case> {
  const source = join(rootDir, 'models', 'diabetes')
  const { data } = JSON.parse(await readFile(join(source, 'sample.json'), 'utf8')) as { data: number[][] }
  return {
    what: '1 row of 10 float64',
    row: {
      ...{ service: 'diabetes', input: 'data', datatype: 'FP64' },
      ...{ shape: [1, 10], elements: Float64Array.from(data[0] as number[]) },
    },
    model: join(source, '1', 'model.onnx'),
    services: await prepareService('diabetes', source, {}),
    grpcTargets: { [entryName(names.http2, grpcForm)]: 0.5, [entryName(names.grpcio, grpcForm)]: 2 },
    binaryTarget: 0.9,
  }
}

async function imageCase(): Promise<Case> {
  const model = await cachedModel('image-mean', imageMean)
  const random = seededRandom(224)
  return {
    what: 'image of 602 KB, float32',
    row: {
      ...{ service: 'image-mean', input: 'image', datatype: 'FP32', shape: imageShape },
      elements: Float32Array.from({ length: imageShape.reduce((product, size) => product * size, 1) }, random),
    },
    model,
    services: await prepareService('image-mean', join(benchDir, 'grpc', 'services', 'image-mean'), {
      '1/model.onnx': model,
    }),
    grpcTargets: { [entryName(names.grpcio, grpcForm)]: 1, [entryName(names.http, bareOctetsForm)]: 0.5 },
    binaryTarget: 0.9,
  }
}

function serversOf({ row, model, services }: Case, python: PythonVenv): ServerUnderTest[] {
  const key = async () => 'sfkey_a-server-without-keys-gets-as-many-bytes___'
  const bare = (name: string): ServerCommand => ({
    command: process.execPath,
    args: [join(benchDir, 'grpc', 'servers', name), model],
  })
  const forms = [grpcForm, binaryForm, octetsForm, jsonForm]
  return [
    { name: names.ours, command: ourHost(services), forms, key: () => primaryKeyOf(row.service) },
    { name: names.http2, command: bare('http2-infer.ts'), forms: [grpcForm], key },
    { name: names.http, command: bare('http-infer.ts'), forms: [bareOctetsForm], key },
    ...('missing' in python
      ? []
      : [{ name: names.grpcio, command: grpcio(python.binDir, model), forms: [grpcForm], key }]),
  ]
}

function grpcio(binDir: string, model: string): ServerCommand {
  const env = { BENCH_MODEL: model, PYTHONDONTWRITEBYTECODE: '1' }
  return { command: join(binDir, 'python'), args: [join(benchDir, 'grpc', 'servers', 'grpcio_infer.py')], env }
}

/** Our gRPC against all others, then our V2 binary against our raw octets. */
function compareAll(
  { what, grpcTargets, binaryTarget }: Case,
  count: number,
  rounds: ReadonlyMap<string, readonly RoundResult[]>,
): Comparison[] {
  const [grpc, binary, octets] = [grpcForm, binaryForm, octetsForm].map(form => entryName(names.ours, form)) as [
    string,
    string,
    string,
  ]
  const pair = new Map([binary, octets].map(name => [name, rounds.get(name) ?? []]))
  return [
    ...compare(what, count, grpc, rounds, grpcTargets),
    ...compare(`${what}, V2 binary`, count, binary, pair, { [octets]: binaryTarget }),
  ]
}

function report(comparisons: readonly Comparison[], { seconds, rounds }: Settings, skipped: readonly string[]) {
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const markdown = [
    `${date}, ${rounds} rounds of ${seconds} s. ${machineLine(machine)}`,
    comparisonTable(comparisons),
    ...skipped.map(what => `Skipped: ${what}.`),
  ].join('\n\n')
  return { result: { date, machine, settings: { seconds, rounds }, comparisons, skipped }, markdown }
}
