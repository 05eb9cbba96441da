/**
 * Programs for the FPGA services of Azure ML, and for TensorFlow Serving, which those spoke: the client of
 * `azureml-accel-models` on its TensorFlow, TensorFlow Serving's own stubs, and Go and Java as Azure ML's guide shows them.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest'
import { tensorflowServingSchemas } from '../../src/protocols/tensorflow-serving/schemas.ts'
import type { Dtype } from '../../src/tensor/dtype.ts'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { Child } from '../host/host-child.ts'
import { identityModel, writeModel } from '../support/onnx-writer.ts'
import { greyPng } from '../support/png-writer.ts'
import { olderPythonWith } from '../support/python.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'
import { once, run, succeed, works } from './tools.ts'

/** An array as the Python program reads and prints it. */
interface NumPyArray {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly values: readonly unknown[]
}

type Outcome =
  | { readonly answer: unknown }
  | {
      readonly status: string
      readonly details: string
      readonly pauses: number[]
      readonly code: string | null
      readonly pushback: string | null
    }

const source = (path: string) => join(import.meta.dirname, path)
/** Ends after the last test of this file. */
const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }

/** Those that Python's TensorFlow 1.15 makes arrays of. */
const everyDtype: Dtype[] = [
  ...(['float32', 'float64', 'float16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16'] as const),
  ...(['bool', 'string'] as const),
]

/** An array of shape [2, 2]. */
function makeArray(dtype: Dtype): NumPyArray {
  const values = {
    string: ['', 'eins', 'äöü', '𝄞'],
    bool: [true, false, false, true],
    int64: ['-9223372036854775808', '0', '1', '9223372036854775807'],
  }[dtype as 'string']
  return { dtype, shape: [2, 2], values: values ?? (dtype.startsWith('float') ? [0.5, -1.25, 0, 3] : [0, 1, 2, 77]) }
}

/** The newest .NET SDK, by the number of its version. */
const dotnet = /^(\d+)\./.exec((await run('dotnet', '--list-sdks')).stdout.trim().split('\n').at(-1) ?? '')?.[1]

let folder: string
let models: string
let certificate = ''
let images: number[][][]
/** Scores of Python's onnxruntime. */
let scores: number[][]

beforeAll(async () => {
  if (!noOpenssl) certificate = makeCertificates(file).cert
  folder = await mkdtemp(join(tmpdir(), 'fpga-'))
  file.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
  const recorded = JSON.parse(await readFile('test/fixtures/expected-scores.json', 'utf8')).services.digits
  images = recorded.inputs.images.slice(0, 2)
  scores = (Object.values(recorded.outputs)[0] as number[][]).slice(0, 2)
  await writeFile(
    join(folder, 'image.png'),
    greyPng(images[0]!.map(row => row.map(ink => Math.round((ink / 16) * 255)))),
  )
  await writeFile(join(folder, 'pixels.json'), JSON.stringify(images))
  await writeFile(join(folder, 'schemas.binpb'), inflateSync(Buffer.from(tensorflowServingSchemas, 'base64')))
  const digits = JSON.parse(await readFile('models/digits/service.json', 'utf8'))
  models = await makeServices(
    {
      'public/service.json': { ...digits, auth: { mode: 'none' } },
      'renamed/service.json': { ...digits, tensorflowServing: { outputs: { probabilities: 'classifier/Softmax:0' } } },
      'every/service.json': {},
      'every/3/model.onnx': writeModel({
        nodes: everyDtype.map(dtype => ({ op: 'Identity', inputs: [dtype], outputs: [`${dtype}_out`] })),
        inputs: everyDtype.map(dtype => [dtype, dtype, ['n', 2]]),
        outputs: everyDtype.map(dtype => [`${dtype}_out`, dtype, ['n', 2]]),
      }),
      'small/service.json': { limits: { maxBodyBytes: 1000, maxRows: 20 } },
      'small/1/model.onnx': identityModel('float32', ['n', 2]),
    },
    file,
  )
  for (const service of ['digits', 'public', 'renamed'])
    await cp('models/digits', join(models, service), { recursive: true, force: false })
})
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

interface App {
  readonly address: string
  readonly port: number
  readonly isTls: boolean
  keyOf(service: string): string
}

/** The built app on its host, with all services ready. */
async function startApp(defaultService: string, isTls: boolean): Promise<App> {
  const root = await copyOfApp(file)
  const tls = isTls ? ['--cert', certificate, '--key', certificate.replace('.pem', '.key')] : []
  const child = new Child(join(root, 'dist/host-process.cjs'), ['--app', root, '--port', '0', ...tls], {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    SCORING_MODELS: models,
    SCORING_DEFAULT_SERVICE: defaultService,
  })
  file.onTestFinished(() => {
    child.process.kill('SIGTERM')
    return child.ended()
  })
  const [, url] = await child.see(/Listening on (\S+)/)
  for (const service of ['digits', 'public', 'renamed', 'every', 'small'])
    await child.see(new RegExp(`\\[${service}\\] ready`))
  const { hostname, port } = new URL(url as string)
  const keys = JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))
  return { address: hostname, port: Number(port), isTls, keyOf: service => keys[service].primary }
}

/** A Python program that calls services, or what it misses; one for all tests, because TensorFlow takes seconds to start. */
const python = once(async () => {
  const found = await olderPythonWith('3.7', source('python/fpga-requirements.txt'), '--no-deps')
  if ('missing' in found) return found
  const program = spawn(found.python, [source('python/call_fpga_service.py')], {
    env: {
      ...process.env,
      NO_PROXY: 'localhost',
      no_proxy: 'localhost',
      GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: certificate,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  file.onTestFinished(() => program.kill())
  return { program, lines: createInterface(program.stdout)[Symbol.asyncIterator]() }
})

/** What becomes of calls of an app. */
async function call<Name extends string>(
  test: TestContext,
  { address, port, isTls }: App,
  calls: Readonly<Record<Name, object>>,
): Promise<Record<Name, Outcome>> {
  const started = await python()
  if ('missing' in started) return test.skip(started.missing)
  const given = Object.values<object>(calls).map(each => ({ address, port, use_ssl: isTls, ...each }))
  started.program.stdin.write(`${JSON.stringify(given)}\n`)
  const { value: line } = await started.lines.next()
  assert.ok(line, 'the Python program has ended')
  const outcomes: Outcome[] = JSON.parse(line)
  return Object.fromEntries(Object.keys(calls).map((name, index) => [name, outcomes[index]])) as Record<Name, Outcome>
}

const answerIn = (outcome: Outcome) => {
  assert.ok('answer' in outcome, JSON.stringify(outcome))
  return outcome.answer
}
const statusIn = (outcome: Outcome) => {
  assert.ok('status' in outcome, JSON.stringify(outcome))
  return [outcome.status, outcome.code, outcome.pauses.length]
}

function assertScores(found: unknown, expected: readonly (readonly number[])[], shape: readonly number[]): void {
  const { dtype, shape: actual, values } = found as NumPyArray
  assert.deepEqual([dtype, actual], ['float32', shape])
  for (const [index, score] of expected.flat().entries()) assert.ok(Math.abs((values[index] as number) - score) < 1e-6)
}

/** Two images as NumPy has them, under the name that clients use whatever the model calls its input. */
const twoImages = () => ({ images: { dtype: 'float32', shape: [2, 8, 8], values: images.flat(2) } })

describe('programs for FPGA services and for TensorFlow Serving, without TLS', () => {
  let app: App
  beforeAll(async () => {
    app = await startApp('public', false)
  })

  it('score as azureml.accel.PredictionClient, which repeats no call whose input is wrong', async test => {
    const accel = { client: 'accel', service: 'digits', token: app.keyOf('digits') }
    const renamed = { client: 'accel', service: 'renamed', token: app.keyOf('renamed') }
    const path = join(folder, 'image.png')
    const arrays = twoImages()
    const outcomes = await call(test, app, {
      file: { ...accel, file: path },
      placeholder: { ...accel, file: path, options: { input_name: 'Placeholder:0' } },
      arrays: { ...accel, arrays },
      wrongKey: { ...accel, token: `${accel.token}x`, arrays },
      noKey: { ...accel, token: '', arrays },
      publicNoKey: { ...accel, service: 'public', token: '', arrays },
      byName: { ...renamed, arrays, options: { outputs: 'classifier/Softmax:0' } },
      byDefault: { ...renamed, arrays },
      shape: { ...accel, arrays: { images: { ...arrays.images, shape: [2, 64] } } },
      noImage: { ...accel, file: source('fpga.test.ts') },
      unknown: { ...accel, service: 'absent', arrays },
    })
    assertScores(answerIn(outcomes.file), scores.slice(0, 1), [10])
    assertScores(answerIn(outcomes.placeholder), scores.slice(0, 1), [10])
    for (const each of ['arrays', 'publicNoKey', 'byName', 'byDefault'] as const)
      assertScores(answerIn(outcomes[each]), scores, [2, 10])
    // Of all statuses it takes only INVALID_ARGUMENT for final; it sleeps before each other try.
    assert.deepEqual(statusIn(outcomes.wrongKey), ['UNAUTHENTICATED', 'BEARER_REJECTED', 4])
    assert.deepEqual(statusIn(outcomes.noKey), ['UNAUTHENTICATED', 'BEARER_MISSING', 4])
    assert.deepEqual(statusIn(outcomes.shape), ['INVALID_ARGUMENT', 'INPUT_SHAPE_MISMATCH', 0])
    assert.deepEqual(statusIn(outcomes.noImage), ['INVALID_ARGUMENT', 'IMAGE_NOT_DECODABLE', 0])
    assert.deepEqual(statusIn(outcomes.unknown), ['NOT_FOUND', 'SERVICE_UNKNOWN', 4])
  })

  it('score as the first client, which sends no key, where the default service takes none', async test => {
    const { images: array } = twoImages()
    const first = { client: 'first', token: 'unsent' }
    const outcomes = await call(test, app, {
      array: { ...first, array },
      file: { ...first, file: join(folder, 'image.png') },
    })
    assertScores(answerIn(outcomes.array), scores, [2, 10])
    assertScores(answerIn(outcomes.file), scores.slice(0, 1), [1, 10])
  })

  it('score with the stubs of TensorFlow Serving: every type, names, versions, and filters of outputs', async test => {
    const every = { client: 'serving', token: app.keyOf('every'), spec: { name: 'every' } }
    const digits = { client: 'serving', token: app.keyOf('digits'), spec: { name: 'digits' } }
    const arrays = Object.fromEntries(everyDtype.map(dtype => [dtype, makeArray(dtype)]))
    const { images: array } = twoImages()
    const zero = { dtype: 'float32', shape: [], values: [0], proto_shape: [2, 8, 8] }
    const routed = { route: '/api/v1/service/digits', spec: { name: 'whatever', signature: 'serving_default' } }
    const outcomes = await call(test, app, {
      every: { ...every, arrays },
      some: { ...every, arrays, spec: { name: 'every', version: 3 }, filter: ['int8_out', 'string_out:0'] },
      routed: { ...digits, ...routed, arrays: { 'Placeholder:0': array } },
      filled: { ...digits, arrays: { data: zero } },
      zeros: { ...digits, arrays: { data: { ...array, values: array.values.map(() => 0) } } },
      noOutput: { ...every, arrays, filter: ['absent'] },
      noInput: { ...every, arrays: { int8: makeArray('int8') } },
      noVersion: { ...every, arrays, spec: { name: 'every', version: 2 } },
      noSignature: { ...every, arrays, spec: { name: 'every', signature: 'predict_images' } },
      noModel: { ...every, arrays, spec: { name: 'half_plus_two' } },
      otherKey: { ...every, token: digits.token, arrays },
      huge: {
        ...digits,
        protos: { data: { dtype: 1, float_val: [1], tensor_shape: { dim: [1e9, 8, 8].map(size => ({ size })) } } },
      },
    })
    const { outputs, content, spec } = answerIn(outcomes.every) as {
      outputs: Record<string, NumPyArray>
      content: number
      spec: unknown
    }
    for (const dtype of everyDtype) assert.deepEqual(outputs[`${dtype}_out`], arrays[dtype], dtype)
    assert.deepEqual(
      [Object.keys(outputs).length, content, spec],
      [everyDtype.length, 0, ['every', 3, 'serving_default']],
    )
    const some = answerIn(outcomes.some) as { outputs: Record<string, NumPyArray> }
    assert.deepEqual(some.outputs, { int8_out: arrays.int8, 'string_out:0': arrays.string })
    const answered = (answerIn(outcomes.routed) as { outputs: Record<string, unknown> }).outputs
    assert.deepEqual(Object.keys(answered), ['probabilities'])
    assertScores(answered.probabilities, scores, [2, 10])
    assert.deepEqual(answerIn(outcomes.filled), answerIn(outcomes.zeros))
    for (const each of ['noOutput', 'noInput', 'noSignature', 'huge'] as const)
      assert.equal(statusIn(outcomes[each])[0], 'INVALID_ARGUMENT', each)
    assert.equal(statusIn(outcomes.noVersion)[0], 'NOT_FOUND')
    assert.equal(statusIn(outcomes.otherKey)[0], 'UNAUTHENTICATED')
    assert.deepEqual(outcomes.noModel, {
      ...outcomes.noModel,
      status: 'NOT_FOUND',
      details: "Request for unknown model: 'half_plus_two' is not found",
    })
  })

  it('read signatures, and are told of methods and sizes that a service has not', async test => {
    const digits = { client: 'metadata', token: app.keyOf('digits'), spec: { name: 'digits' } }
    const small = { client: 'serving', token: app.keyOf('small'), spec: { name: 'small' } }
    const rowsOf = (count: number) => ({
      x: { dtype: 'float32', shape: [count, 2], values: new Array(2 * count).fill(1) },
    })
    const outcomes = await call(test, app, {
      digits,
      every: { ...digits, token: app.keyOf('every'), spec: {}, route: '/api/v1/service/every' },
      renamed: { ...digits, token: app.keyOf('renamed'), spec: { name: 'renamed', version: 1 } },
      noKey: { ...digits, token: '' },
      noField: { ...digits, fields: [] },
      otherField: { ...digits, fields: ['assets'] },
      noModel: { ...digits, spec: { name: 'absent' } },
      classify: { client: 'example', method: 'Classify' },
      regress: { client: 'example', method: 'Regress' },
      multi: { client: 'example', method: 'MultiInference' },
      rows: { ...small, arrays: rowsOf(21) },
      bytes: { ...small, arrays: rowsOf(200) },
    })
    const probabilities = ['probabilities:0', 'float32', [null, 10]]
    assert.deepEqual(answerIn(outcomes.digits), {
      spec: ['digits', 1],
      signatures: {
        serving_default: {
          method: 'tensorflow/serving/predict',
          inputs: { data: ['data:0', 'float32', [null, 8, 8]] },
          outputs: { probabilities },
        },
      },
    })
    const every = answerIn(outcomes.every) as {
      spec: unknown
      signatures: Record<string, { inputs: object; outputs: object }>
    }
    const named = (suffix: string) =>
      Object.fromEntries(everyDtype.map(dtype => [`${dtype}${suffix}`, [`${dtype}${suffix}:0`, dtype, [null, 2]]]))
    assert.deepEqual(every.spec, ['every', 3])
    assert.deepEqual(every.signatures.serving_default?.inputs, named(''))
    assert.deepEqual(every.signatures.serving_default?.outputs, named('_out'))
    const renamed = answerIn(outcomes.renamed) as typeof every
    assert.deepEqual(renamed.signatures.serving_default?.outputs, { 'classifier/Softmax:0': probabilities })
    const expected = {
      ...{
        noKey: 'UNAUTHENTICATED',
        noField: 'INVALID_ARGUMENT',
        otherField: 'INVALID_ARGUMENT',
        noModel: 'NOT_FOUND',
      },
      ...{ classify: 'UNIMPLEMENTED', regress: 'UNIMPLEMENTED', multi: 'UNIMPLEMENTED' },
      ...{ rows: 'INVALID_ARGUMENT', bytes: 'RESOURCE_EXHAUSTED' },
    } as const
    for (const [name, status] of Object.entries(expected))
      assert.equal(statusIn(outcomes[name as keyof typeof expected])[0], status, name)
  })
})

describe('programs for FPGA services, over TLS with a self-signed certificate', skipFor(noOpenssl), () => {
  let app: App
  beforeAll(async () => {
    app = await startApp('digits', true)
  })

  it('score as azureml.accel.PredictionClient; the first client is refused, because it drops its key', async test => {
    const { images: array } = twoImages()
    const token = app.keyOf('digits')
    const calls = {
      accel: { client: 'accel', service: 'digits', token, file: join(folder, 'image.png') },
      first: { client: 'first', token, array },
    }
    const outcomes = await call(test, app, calls)
    assertScores(answerIn(outcomes.accel), scores.slice(0, 1), [10])
    assert.deepEqual(statusIn(outcomes.first).slice(0, 2), ['UNAUTHENTICATED', 'BEARER_MISSING'])
  })

  const schemas = () => join(folder, 'schemas.binpb')

  it('score in Go with credentials that send the bare key', async test => {
    if (!(await works('go', 'version'))) return test.skip('go is not installed')
    const program = join(folder, 'fpga-go')
    await succeed('go', 'build', '-C', source('go/grpc'), '-o', program, './fpga')
    const score = (key: string) =>
      run(
        'env',
        `SSL_CERT_FILE=${certificate}`,
        program,
        `${app.address}:${app.port}`,
        key,
        schemas(),
        join(folder, 'pixels.json'),
      )
    const { code, stdout, stderr } = await score(app.keyOf('digits'))
    assert.equal(code, 0, stderr)
    assertScores({ dtype: 'float32', shape: [2, 10], values: JSON.parse(stdout) }, scores, [2, 10])
    const refused = await score('wrong')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /code = Unauthenticated/)
  })

  it('score in Java with call credentials that send the bare key', async test => {
    if (!(await works('javac', '-version'))) return test.skip('javac is not installed')
    if (!(await works('mvn', '--version'))) return test.skip('mvn (Maven) is not installed')
    const classes = join(folder, 'classes')
    const jars = join(folder, 'jars')
    const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
    const maven = [
      'mvn',
      '--batch-mode',
      '--quiet',
      '-f',
      source('java/fpga/pom.xml'),
      copy,
      `-DoutputDirectory=${jars}`,
    ]
    await succeed('env', 'MAVEN_OPTS=-XX:TieredStopAtLevel=1', ...maven)
    await succeed('javac', '-cp', `${jars}/*`, '-d', classes, source('java/fpga/ScoreFpga.java'))
    const java = ['-XX:TieredStopAtLevel=1', '-cp', `${classes}:${jars}/*`, 'ScoreFpga']
    const score = (key: string) =>
      run('java', ...java, `${app.address}:${app.port}`, key, certificate, schemas(), join(folder, 'image.png'))
    const { code, stdout, stderr } = await score(app.keyOf('digits'))
    assert.equal(code, 0, stderr)
    assertScores({ dtype: 'float32', shape: [1, 10], values: JSON.parse(stdout) }, scores.slice(0, 1), [1, 10])
    const refused = await score('wrong')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /UNAUTHENTICATED/)
  })

  // As in clients.test.ts: .NET is no tool that CI has to have, and the test is left out rather than skipped.
  if (dotnet) {
    it('score in C# with the bare key, over HTTP/2 of the framework', async () => {
      await cp(source('csharp-fpga'), join(folder, 'csharp'), { recursive: true })
      const project = join(folder, 'csharp/ScoreFpga.csproj')
      await succeed('dotnet', 'build', project, '-o', join(folder, 'net'), `-p:TargetFramework=net${dotnet}.0`)
      const program = [join(folder, 'net/ScoreFpga.dll'), `${app.address}:${app.port}`]
      const score = (key: string) => run('dotnet', ...program, key, certificate, join(folder, 'image.png'))
      const { code, stdout, stderr } = await score(app.keyOf('digits'))
      assert.equal(code, 0, stderr)
      assertScores({ dtype: 'float32', shape: [1, 10], values: JSON.parse(stdout) }, scores.slice(0, 1), [1, 10])
      const refused = await score('wrong')
      assert.notEqual(refused.code, 0)
      assert.match(refused.stderr, /gRPC status 16/)
    })
  }
})
