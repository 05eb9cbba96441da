/**
 * Schemathesis, which knows nothing of this project but the OpenAPI documents that it gives of itself: it sends what the
 * documents allow and what they do not, and looks for failures of the server, undocumented statuses, answers that do not
 * match their schema, wrong input that is taken, and keys that are not asked for.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { identityModel, writeModel } from '../support/onnx-writer.ts'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import type { ServiceFiles } from '../support/service-folder.ts'

const here = (name: string) => join(import.meta.dirname, name)
const samples = join(import.meta.dirname, '../../models')
const secondsPerDocument = 2

/** Services of every kind, with the version of the document that each is fuzzed by. */
const services: ServiceFiles = {
  'every-type/service.json': { batching: { maxRows: 8 } },
  'every-type/model.onnx': identityModel('int64', ['batch', 2]),
  'json-string/service.json': { response: { encoding: 'json-string' } },
  'json-string/model.onnx': identityModel('float64', ['batch', 2]),
  'columns/service.json': {},
  'columns/model.onnx': writeModel({
    nodes: [
      // Not the value itself: NaN, which null is read as, would be answered as null, and the document says a number.
      { op: 'IsNaN', inputs: ['age'], outputs: ['years'] },
      { op: 'Identity', inputs: ['name'], outputs: ['same'] },
    ],
    inputs: [
      ['age', 'float64', ['batch', 1]],
      ['name', 'string', ['batch', 1]],
    ],
    outputs: [
      ['years', 'bool', ['batch', 1]],
      ['same', 'string', ['batch', 1]],
    ],
  }),
  'people/service.json': { entryScript: 'score.ts', auth: { mode: 'none' } },
  'people/score.ts': `
    import * as z from 'zod'
    export const input = z.object({
      name: z.string().max(20).nullable(),
      ages: z.array(z.int().min(0).max(150)),
      mode: z.enum(['mean', 'sum']).optional(),
    })
    export function init() {}
    export function run({ name, ages }) {
      return { name, sum: ages.reduce((sum, age) => sum + age, 0) }
    }`,
  'text/service.json': { entryScript: 'score.js', openapi: { public: false } },
  // Nothing is declared, so the document says what Azure ML's says of such scripts: a JSON object.
  'text/score.js': `
    const wrong = () => Response.json({ message: 'send a JSON object' }, { status: 400 })
    const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value)
    exports.init = () => {}
    exports.run = text => {
      try {
        return isObject(JSON.parse(text)) ? { length: text.length } : wrong()
      } catch {
        return wrong()
      }
    }`,
}
const documents: [service: string, version: string][] = [
  ['diabetes', '3.1'],
  ['diabetes', '2'],
  ['digits', '3.1'],
  ['iris', '3'],
  ['every-type', '3.1'],
  ['json-string', '3.1'],
  ['columns', '3.1'],
  ['columns', '2'],
  ['people', '3.1'],
  ['people', '3'],
  ['text', '3.1'],
]

describe('GET /swagger.json: the OpenAPI documents, tested by Schemathesis', () => {
  const cleanUps: (() => unknown)[] = []
  let app: RunningApp
  let schemathesis: Awaited<ReturnType<typeof findSchemathesis>>
  beforeAll(async () => {
    const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
    schemathesis = await findSchemathesis()
    if ('missing' in schemathesis) return
    const AzureWebJobsStorage = await startStorage(file)
    app = await runApp(file, { ...services, ...(await sampleServices()) }, { AzureWebJobsStorage })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it.for(documents)('hold for $0, version $1', async ([service, version], test) => {
    if ('missing' in schemathesis) return test.skip(schemathesis.missing)
    const [program, ...options] = schemathesis
    const key = service === 'people' ? '' : await app.keyOf(service)
    const { code, output } = await run(
      program,
      [
        ...options,
        '--config-file',
        here('schemathesis.toml'),
        'run',
        `${app.url}/api/v1/service/${service}/swagger.json?version=${version}`,
      ]
        .concat(['--url', app.url, '--phases', 'examples,coverage,fuzzing', '--max-examples', '40'])
        .concat(['--max-time', String(secondsPerDocument), '--seed', '1', '--no-color']),
      { SCORING_KEY: key },
    )
    assert.equal(code, 0, output)
  })

  it('leave the server as it was: the published rows score as before', async test => {
    if ('missing' in schemathesis) return test.skip(schemathesis.missing)
    const sample = await readFile(join(samples, 'diabetes/sample.json'), 'utf8')
    const answer = await app.score('diabetes', sample)
    assert.equal(await answer.text(), '[217.67978776218715, 224.78937091757172]')
    assert.doesNotMatch(app.output(), /unexpected failure/)
  })
})

async function sampleServices(): Promise<ServiceFiles> {
  const paths = await readdir(samples, { recursive: true, withFileTypes: true })
  const files = paths.filter(entry => entry.isFile() && entry.parentPath !== samples)
  return Object.fromEntries(
    await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name)
        return [relative(samples, path), await readFile(path)] as const
      }),
    ),
  )
}

/** The command that runs it, or why there is none. */
async function findSchemathesis(): Promise<readonly [string, ...string[]] | { missing: string }> {
  if ((await run('st', ['--version'])).code === 0) return ['st']
  const found = await pythonWith(here('requirements.txt'))
  // Its first line names the folder that it was installed into, which has been renamed since.
  return 'missing' in found ? found : [found.python, join(dirname(found.python), 'st')]
}

function run(program: string, args: string[], environment: NodeJS.ProcessEnv = {}) {
  // A proxy of the machine is not for the server under test.
  const env = { ...process.env, NO_PROXY: 'localhost', no_proxy: 'localhost', ...environment }
  return new Promise<{ code: number; output: string }>(resolve => {
    execFile(program, args, { env, cwd: tmpdir(), timeout: 600_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: `${stdout}${stderr}` })
    })
  })
}
