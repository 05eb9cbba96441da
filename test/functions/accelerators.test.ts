/** Accelerators through a running app: with a GPU in software where that is installed, and where there is none. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'
import { swiftShader, withoutSwiftShader } from '../support/swiftshader.ts'

interface Details {
  readonly status: string
  readonly reason?: string
  readonly executionProvider?: string
  readonly placement?: { model: string; nodes: Record<string, number>; typesOnCpu: string[] }[]
  readonly notes?: string[]
}

const modelOf = (name: string) => readFile(`models/${name}/1/model.onnx`)
const on = (executionProviders: unknown[], onUnavailable = 'fallback') => ({
  accelerator: { executionProviders, onUnavailable },
})
const settled = async (app: RunningApp) => (await app.settled()) as Record<string, Details>

/** What ONNX Runtime for Python scores on a CPU. */
async function expectedOf(service: string): Promise<{ inputs: Record<string, number[][]>; outputs: never }> {
  return JSON.parse(await readFile('test/fixtures/expected-scores.json', 'utf8')).services[service]
}

function near(actual: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    assert.equal((actual as unknown[]).length, expected.length)
    for (const [index, each] of expected.entries()) near((actual as unknown[])[index], each)
  } else {
    assert.ok(Math.abs((actual as number) - (expected as number)) <= 1e-5, `${actual} is not ${expected}`)
  }
}

describe('accelerator webgpu: services on a GPU', skipFor(withoutSwiftShader), () => {
  const cleanUps: (() => unknown)[] = []
  const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  let app: RunningApp
  let services: Record<string, Details>
  beforeAll(async () => {
    const [digits, iris, diabetes] = await Promise.all(['digits', 'iris', 'diabetes'].map(modelOf))
    const files = {
      'first/service.json': { ...on(['webgpu'], 'fail'), batching: { maxRows: 8 } },
      'first/1/model.onnx': digits as Buffer,
      'second/service.json': { ...on([{ name: 'webgpu', validationMode: 'basic' }, 'cpu']), batching: { maxRows: 4 } },
      'second/1/model.onnx': digits as Buffer,
      'mixed/service.json': { ...on(['cuda', 'webgpu', 'cpu']), batching: { maxRows: 1 } },
      'mixed/1/model.onnx': iris as Buffer,
      'strict/service.json': on(['webgpu', 'cpu'], 'fail'),
      'strict/1/model.onnx': iris as Buffer,
      'double/service.json': on(['webgpu', 'cpu']),
      'double/1/model.onnx': diabetes as Buffer,
    }
    app = await runApp(file, files, { ...swiftShader, SCORING_MAX_THREADS: '2' })
    services = await settled(app)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('score what a CPU scores, and say that all nodes ran there', async () => {
    const { inputs, outputs } = await expectedOf('digits')
    const response = await app.score('first', JSON.stringify({ data: Object.values(inputs)[0] }))
    near(await response.json(), Object.values(outputs)[0])
    assert.equal(response.headers.get('x-scoring-execution-provider'), 'webgpu')
    const [placement] = services.first?.placement ?? []
    assert.deepEqual([Object.keys(placement?.nodes ?? {}), placement?.typesOnCpu], [['webgpu'], []])
    assert.match(app.output(), /^\[first\] ready after .*, webgpu \(\d+ nodes\), images float32/m)
  })

  it('name the nodes that went to the CPU', async () => {
    assert.deepEqual(services.mixed?.placement?.[0]?.typesOnCpu, ['Gather'])
    assert.deepEqual(Object.keys(services.mixed?.placement?.[0]?.nodes ?? {}), ['webgpu', 'cpu'])
    assert.match(services.mixed?.notes?.join('\n') ?? '', /1 of \d nodes \(Gather\) run on the CPU, not on webgpu/)
    const response = await app.score('mixed', '{"data": [[5.1, 3.4, 1.5, 0.2]]}')
    assert.equal(response.headers.get('x-scoring-execution-provider'), 'webgpu, cpu')
  })

  it('say so where nothing of them runs there', async () => {
    assert.equal(services.double?.executionProvider, 'cpu')
    assert.match(services.double?.notes?.join('\n') ?? '', /2 of 2 nodes \(Add, MatMul\) run on the CPU, not on webgpu/)
    const response = await app.score('double', await readFile('models/diabetes/sample.json', 'utf8'))
    assert.equal(response.headers.get('x-scoring-execution-provider'), 'cpu')
    assert.equal(await response.text(), '[217.67978776218715, 224.78937091757172]')
  })

  it('do not become ready where placement on the CPU is refused, and name the nodes', () => {
    assert.equal(services.strict?.status, 'failed')
    assert.match(
      services.strict?.reason ?? '',
      /^model "strict" cannot be loaded on webgpu: 1 of \d nodes \(Gather\) would run on the CPU \(accelerator\.onUnavailable is "fail"\)$/,
    )
  })

  // Two threads on the GPU at once end the process: see webgpu-mutex.ts.
  it('share it when many call at once', async () => {
    const { inputs, outputs } = await expectedOf('digits')
    const rows = Object.values(inputs)[0] as number[][]
    const scores = Object.values(outputs)[0] as number[][]
    const calls = Array.from({ length: 40 }, async (_, index) => {
      const row = index % rows.length
      const response = await app.score(index % 2 === 0 ? 'first' : 'second', JSON.stringify({ data: [rows[row]] }))
      near(await response.json(), [scores[row]])
    })
    await Promise.all(calls)
    assert.equal(app.process.exitCode, null)
  })
})

describe('SCORING_EXECUTION_PROVIDERS', () => {
  it('overrides what the services ask for', async test => {
    const [digits, iris] = await Promise.all(['digits', 'iris'].map(modelOf))
    const decode = `
      import { Tensor } from 'scoring-functions'
      export const run = text => Tensor.from('float32', JSON.parse(text).data)`
    const app = await runApp(
      test,
      {
        'plain/service.json': {},
        'plain/1/model.onnx': iris as Buffer,
        'piped/service.json': {
          models: { digits: { path: '1/model.onnx' } },
          stages: [{ script: 'decode.mjs' }, { model: 'digits', ...on(['coreml'], 'fail') }],
        },
        'piped/decode.mjs': decode,
        'piped/1/model.onnx': digits as Buffer,
        'strict/service.json': on(['cpu'], 'fail'),
        'strict/1/model.onnx': iris as Buffer,
      },
      { SCORING_EXECUTION_PROVIDERS: 'openvino, cpu' },
    )
    const { plain, piped, strict } = await settled(app)
    assert.equal(plain?.executionProvider, 'cpu')
    assert.match(plain?.notes?.[0] ?? '', /cannot be loaded on openvino: .*; it is loaded on cpu instead$/)
    assert.match(app.output(), /^\[plain\] model "plain" cannot be loaded on openvino: /m)
    // What is to be done where a provider is missing is still up to each service.
    for (const each of [piped, strict]) {
      assert.equal(each?.status, 'failed')
      assert.match(each?.reason ?? '', /cannot be loaded on openvino: .* \(accelerator\.onUnavailable is "fail"\)$/)
    }
    assert.match(piped?.reason ?? '', /^stage "digits": /)
    const response = await app.score('plain', '{"data": [[5.1, 3.4, 1.5, 0.2]]}')
    assert.equal(response.headers.get('x-scoring-execution-provider'), 'cpu')
  })

  it('runs the samples on a GPU as they are', skipFor(withoutSwiftShader), async test => {
    const folder = await makeServices({ 'profiles/readme.txt': '' }, test)
    const TMPDIR = join(folder, 'profiles')
    const app = await runApp(test, undefined, { ...swiftShader, TMPDIR, SCORING_EXECUTION_PROVIDERS: 'webgpu,cpu' })
    await app.settled()
    const { inputs, outputs } = await expectedOf('digits')
    const digits = await app.score('digits', JSON.stringify({ data: Object.values(inputs)[0] }))
    near(await digits.json(), Object.values(outputs)[0])
    assert.equal(digits.headers.get('x-scoring-execution-provider'), 'webgpu')
    const diabetes = await app.score('diabetes', await readFile('models/diabetes/sample.json', 'utf8'))
    assert.equal(await diabetes.text(), '[217.67978776218715, 224.78937091757172]')
    assert.deepEqual(
      readdirSync(TMPDIR).filter(name => name.startsWith('scoring-placement-')),
      [],
    )
  })
})
