/** One row of ten features: a model that computes next to nothing. What does everything around it cost? */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { benchDir, rootDir } from '../cache.ts'
import type { LoadGenerator } from '../load/load-generator.ts'
import { type Contestant, contest, type RequestParts, type Settings } from './contest.ts'
import { emptyHost, ourHost, prepareService, primaryKeyOf } from './our-host.ts'
import type { PythonVenv } from './python-venv.ts'
import { type Comparison, compare } from './results.ts'

const ours = 'embedded host'
const names = {
  empty: 'embedded host, empty function',
  inline: 'node:http + onnxruntime-node',
  fastapi: 'FastAPI + uvicorn (uvloop, httptools)',
  flask: 'Flask + gunicorn (1 gthread worker)',
}
const targets = {
  16: { [names.empty]: 0.6, [names.inline]: 0.5, [names.fastapi]: 2, [names.flask]: 4 },
  64: { [names.empty]: 0.75, [names.inline]: 0.5, [names.fastapi]: 2, [names.flask]: 4 },
}
/** The published answer to the sample's first row. */
const expected = 217.67978776218715

export async function rowContest(
  generator: LoadGenerator,
  settings: Settings,
  python: PythonVenv,
): Promise<Comparison[]> {
  const source = join(rootDir, 'models', 'diabetes')
  const services = await prepareService('diabetes', source, {})
  const model = join(source, '1', 'model.onnx')
  const { data } = JSON.parse(await readFile(join(source, 'sample.json'), 'utf8')) as { data: number[][] }
  const body = new TextEncoder().encode(JSON.stringify({ data: data.slice(0, 1) }))
  const request = (key: string): RequestParts => ({
    method: 'POST',
    path: '/score',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body,
  })
  const keyless = async () => request('sfkey_a-server-without-keys-gets-as-many-bytes___')
  const contestants: Contestant[] = [
    { name: ours, command: ourHost(services), request: async () => request(await primaryKeyOf('diabetes')) },
    { name: names.empty, command: emptyHost(), request: keyless },
    {
      name: names.inline,
      command: { command: process.execPath, args: [join(benchDir, 'http', 'servers', 'inline-row.ts'), model] },
      request: keyless,
    },
    ...('missing' in python ? [] : pythonServers(python.binDir, model, keyless)),
  ]
  const results = await contest(generator, contestants, Object.keys(targets).map(Number), settings, isRight)
  return [...results].flatMap(([connections, byName]) =>
    compare('1 row of 10 features, JSON', connections, ours, byName, targets[connections as keyof typeof targets]),
  )
}

function pythonServers(binDir: string, model: string, request: Contestant['request']): Contestant[] {
  const chdir = join(benchDir, 'http', 'servers')
  const env = { BENCH_MODEL: model, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' }
  const uvicorn = ['--app-dir', chdir, '--port', '0', '--loop', 'uvloop', '--http', 'httptools', '--no-access-log']
  const gunicorn = ['--chdir', chdir, '--bind', '127.0.0.1:0', '--workers', '1', '--worker-class', 'gthread']
  return [
    {
      name: names.fastapi,
      command: { command: join(binDir, 'uvicorn'), args: [...uvicorn, 'fastapi_row:app'], env },
      request,
    },
    {
      name: names.flask,
      command: { command: join(binDir, 'gunicorn'), args: [...gunicorn, '--threads', '4', 'flask_row:app'], env },
      request,
    },
  ]
}

/** Some answer `[217.6...]`, some `[[217.6...]]`, as their frameworks' models return it. */
function isRight(answer: Uint8Array): boolean {
  const scores = JSON.parse(new TextDecoder().decode(answer)) as number[] | number[][]
  return scores.flat().length === 1 && scores.flat()[0] === expected
}
