import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { describe, it } from 'vitest'
import { readCase } from '../../support/case-models.ts'
import { makeCommandProject, runCommand } from '../../support/command.ts'
import { identityModel, writeModel } from '../../support/onnx-writer.ts'

const titanic = readCase('cases', 'sk_columns_zipmap').bytes
const sumOfRows = readCase('cases', 'cross_float_running_sum').bytes
const identity = identityModel('float32')
const digest = createHash('sha256').update(titanic).digest('hex')

const settings = (values: Record<string, string>) => ({ IsEncrypted: false, Values: values })
const tsconfig = {
  compilerOptions: {
    ...{ target: 'es2024', lib: ['es2025', 'esnext.float16'], module: 'nodenext', types: ['node'], noEmit: true },
    ...{ strict: true, skipLibCheck: true, allowImportingTsExtensions: true },
    paths: { 'scoring-functions': [resolve('src/scripts/api.ts')] },
  },
  include: ['models'],
}
const rightScript = `import { Tensor, tensor } from 'scoring-functions'
export const input = tensor([[1]], 'float32')
export function init() {}
export function run({ data }: { data: Tensor }) { return data }
`

interface Report {
  readonly isGood: boolean
  readonly errors: number
  readonly warnings: number
  readonly project: Finding[]
  readonly services: { service: string; bytes: number; findings: Finding[] }[]
}
type Finding = { level: string; subject: string; message: string }

describe('scoring check', () => {
  it('says of every service what is wrong, whatever is wrong with others', async test => {
    const root = await makeCommandProject(test, {
      'local.settings.json': settings({ SCORING_MAX_TREADS: '2' }),
      'tsconfig.json': tsconfig,
      'models/titanic/service.json': { models: { titanic: { path: '1/model.onnx', sha256: digest } } },
      'models/titanic/1/model.onnx': titanic,
      'models/titanic/2/model.onnx': titanic,
      'models/unknown-key/service.json': { batching: { maxDelay: 3 } },
      'models/cut-model/service.json': {},
      'models/cut-model/model.onnx': titanic.subarray(0, 700),
      'models/other-digest/service.json': { models: { m: { path: 'm.onnx', sha256: '0'.repeat(64) } } },
      'models/other-digest/m.onnx': titanic,
      'models/wrong-sample/service.json': { schema: { input: 'sample.json' } },
      'models/wrong-sample/sample.json': { data: [{ age: 3 }] },
      'models/wrong-sample/1/model.onnx': titanic,
      'models/public-sum/service.json': { auth: { mode: 'none' } },
      'models/public-sum/1/model.onnx': sumOfRows,
      'models/wrong-types/service.json': { entryScript: 'score.ts' },
      'models/wrong-types/model.onnx': identity,
      'models/wrong-types/score.ts': `${rightScript}export const wrong: number = 'text'\n`,
      'models/throws/service.json': { entryScript: 'score.ts' },
      'models/throws/model.onnx': identity,
      'models/throws/score.ts': `${rightScript}import './nowhere.ts'\n`,
      'models/no-service/1/model.onnx': identity,
    })
    const { code, stdout } = await runCommand(['check', '--json'], { cwd: root })
    assert.equal(code, 1)
    const report: Report = JSON.parse(stdout)
    const findings = (service: string, level: string) =>
      report.services
        .find(each => each.service === service)
        ?.findings.filter(finding => finding.level === level)
        .map(({ subject, message }) => `${subject}: ${message}`) ?? []
    const one = (service: string, level: string, pattern: RegExp) =>
      assert.ok(
        findings(service, level).some(text => pattern.test(text)),
        `${service} ${level} ${pattern}: ${JSON.stringify(report, null, 1)}`,
      )
    assert.deepEqual(
      report.project.filter(({ level }) => level === 'warning').map(({ message }) => message),
      [
        'SCORING_MAX_TREADS is no setting, and has no effect',
        '"no-service" has a model but no service.json, so it is not served; {} is enough',
      ],
    )
    assert.deepEqual(findings('titanic', 'error'), [])
    one('titanic', 'warning', /^version: 1 is served, because service\.json names it, and 2 is newer; remove "models"/)
    one(
      'titanic',
      'ok',
      /^model: 1\/model\.onnx, 1\.4 kB, opset 11, ai\.onnx\.ml 1, IR version 8, its SHA-256 is the one/,
    )
    one('titanic', 'ok', /^inputs: pclass int64\[N, 1\]; sex string\[N, 1\]; /)
    one('titanic', 'ok', /^rows: micro-batching is on: the graph shows that each answer depends on its own row alone/)
    one('titanic', 'ok', /^sample: a made-up request is scored in .* ms .*output_probability/)
    one('titanic', 'ok', /^openapi: versions 2, 3, 3\.1$/)
    one('unknown-key', 'error', /^service\.json: unknown-key\/service\.json: batching: unrecognized key "maxDelay"$/)
    one('cut-model', 'error', /^model: .*the 700 bytes of its file are no whole ONNX model/)
    one('other-digest', 'error', /^model: .*SHA-256 is [0-9a-f]{64}, service\.json says 0{64}/)
    one('wrong-sample', 'error', /^load: the sample \(schema\.input\) cannot be scored: row 0 lacks "pclass"/)
    one('public-sum', 'warning', /^auth: anybody may call it; remove "auth"/)
    one('public-sum', 'ok', /^rows: micro-batching is off: .*CumSum/)
    one('wrong-types', 'error', /^script: score\.ts:5:14: Type 'string' is not assignable to type 'number'\.$/)
    assert.equal(findings('wrong-types', 'error').length, 1)
    one('throws', 'error', /^load: throws\/score\.ts cannot be imported: Cannot find module .*nowhere\.ts/)
    assert.deepEqual(
      report.services.filter(({ service }) => findings(service, 'error').length > 0).map(({ service }) => service),
      ['cut-model', 'other-digest', 'throws', 'unknown-key', 'wrong-sample', 'wrong-types'],
    )
  })

  it('reports warnings by the exit code only where that is asked for', async test => {
    const root = await makeCommandProject(test, {
      'models/public-sum/service.json': { auth: { mode: 'none' } },
      'models/public-sum/1/model.onnx': sumOfRows,
    })
    const { code, stdout } = await runCommand(['check'], { cwd: root })
    assert.equal(code, 0)
    assert.match(stdout, /\nwarning {2}public-sum {2}auth: anybody may call it; /)
    assert.match(stdout, /\nReady to deploy: 1 service, \d+ bytes, no errors, 1 warning\n/)
    const strict = await runCommand(['check', '--strict', 'public-sum'], { cwd: root })
    assert.equal(strict.code, 1)
    assert.match(strict.stdout, /\n {2}warning {2}auth +anybody may call it; /)
    assert.match(strict.stdout, /\nNot ready to deploy: /)
  })

  it('gives a line to each service that is in order, and all that was checked with --verbose or the name of one', async test => {
    const root = await makeCommandProject(test, {
      'models/titanic/service.json': {},
      'models/titanic/1/model.onnx': titanic,
      'models/titanic/2/model.onnx': titanic,
      'models/broken/service.json': { batching: { maxDelay: 3 } },
    })
    const { stdout } = await runCommand(['check'], { cwd: root })
    const [project, broken, healthy, ...rest] = stdout.split('\n')
    assert.equal(project, 'ok       project  host.json, package.json, settings')
    assert.equal(broken, 'error    broken   service.json: broken/service.json: batching: unrecognized key "maxDelay"')
    assert.match(
      healthy ?? '',
      /^ok {7}titanic {2}version 2 is served, ready after \d+ ms on cpu, micro-batching is on, a made-up request is scored in [\d.]+ ms$/,
    )
    assert.deepEqual(rest, [
      '',
      'Not ready to deploy: 2 services, 2.8 kB, 1 error, no warnings',
      'All that was checked: npx scoring check --verbose, or with the name of a service',
      '',
    ])
    for (const args of [['titanic'], ['--verbose']]) {
      const full = await runCommand(['check', ...args], { cwd: root })
      assert.match(full.stdout, /\n {2}ok {2}rows +micro-batching is on: the graph shows that each answer depends on/)
      assert.doesNotMatch(full.stdout, /All that was checked/)
    }
  })

  it('sees mistakes in triggers of several services together, and connections that are not set', async test => {
    const queue = { input: 'in', output: 'out', connection: 'Orders' }
    const service = (triggers: object) => ({ entryScript: 'score.js', triggers })
    const script = 'export const init = () => {}\nexport const run = text => text\n'
    const root = await makeCommandProject(test, {
      'models/one/service.json': service({ queue: { ...queue, input: 'requests', output: 'answers' } }),
      'models/one/score.js': script,
      'models/two/service.json': service({
        http: { authLevel: 'function' },
        queue: { ...queue, input: 'answers', output: 'requests' },
      }),
      'models/two/score.js': script,
      'models/wrong/service.json': service({ queue }),
      'models/wrong/score.js': script,
    })
    const { code, stdout } = await runCommand(['check', '--json'], { cwd: root })
    assert.equal(code, 1)
    const { project, services }: Report = JSON.parse(stdout)
    const found = project
      .filter(({ subject }) => subject === 'triggers')
      .map(({ level, message }) => `${level}: ${message}`)
    assert.deepEqual(found, [
      'error: the trigger "queue" of service "two" does not run: its answers to "requests" would come back to it through "one" without end; choose another output',
      'warning: the trigger "queue" of service "one" does not run on this machine: AzureWebJobsOrders or Orders is not set in local.settings.json, nor Orders__accountName for an identity',
      'warning: all routes that score ask for a key of Azure Functions (authLevel "function"), because services share them; that holds for one as well. Only Azure checks it',
      'ok: one: queue requests -> answers',
    ])
    const wrong = services.find(({ service }) => service === 'wrong')?.findings[0]
    assert.match(wrong?.message ?? '', /triggers\.queue\.input: must be the name of a queue: 3 to 63 /)
  })

  it('reads a folder where the app reads a container, and says which triggers have no effect there', async test => {
    const root = await makeCommandProject(test, {
      'models/one/service.json': { triggers: { queue: { input: 'requests', output: 'answers' } } },
      'models/one/1/model.onnx': identity,
    })
    const environment = { SCORING_MODELS: 'blob:models' }
    const refused = await runCommand(['check'], { cwd: root, environment })
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /SCORING_MODELS is "blob:models", and this command reads a folder: name the folder/)
    const { code, stdout } = await runCommand(['check', '--json', '--models', 'models'], { cwd: root, environment })
    assert.equal(code, 1)
    const { project }: Report = JSON.parse(stdout)
    assert.deepEqual(
      project.filter(({ subject }) => subject === 'triggers').map(({ message }) => message),
      [
        'one/service.json: the trigger "queue" does not run: keep this service in the folder of the app (SCORING_MODELS is not a folder)',
      ],
    )
  })

  it('warns of answers that are random, and of a row that no body can hold', async test => {
    const random = writeModel({
      inputs: [['x', 'float32', ['n', 3000]]],
      outputs: [['y', 'float32', ['n', 3000]]],
      nodes: [{ op: 'RandomNormalLike', inputs: ['x'], outputs: ['y'] }],
    })
    const root = await makeCommandProject(test, {
      'models/random/service.json': { limits: { maxBodyBytes: 5000 } },
      'models/random/1/model.onnx': random,
    })
    const { stdout } = await runCommand(['check', '--json'], { cwd: root })
    const [{ findings }] = JSON.parse(stdout).services
    const texts = findings.filter(({ level }: Finding) => level !== 'ok').map(({ message }: Finding) => message)
    assert.ok(
      texts.includes(
        'it draws random numbers (RandomNormalLike), so the same request gets other answers; export it for inference',
      ),
    )
    assert.ok(
      texts.some((text: string) =>
        text.startsWith('a row has 3000 values, at least 6 kB of JSON, and limits.maxBodyBytes is 5000'),
      ),
      texts.join('\n'),
    )
  })

  const mistakes: [args: string[], message: RegExp, code: number][] = [
    [['nope'], /^error: no service "nope" in \/.*; there are: one\n$/, 1],
    [['--bogus'], /^error: unknown option '--bogus'/, 2],
  ]
  it.for(mistakes)('answers %j with one line', async ([args, message, expected], test) => {
    const root = await makeCommandProject(test, { 'models/one/service.json': {}, 'models/one/1/model.onnx': identity })
    const { code, stderr } = await runCommand(['check', ...args], { cwd: root })
    assert.equal(code, expected)
    assert.match(stderr, message)
  })

  it('names the folder of services that does not exist', async test => {
    const root = await makeCommandProject(test, { 'local.settings.json': settings({ SCORING_MODELS: 'elsewhere' }) })
    const { code, stderr } = await runCommand(['check'], { cwd: root })
    assert.equal(code, 1)
    assert.match(stderr, /^error: the folder of services cannot be read: \/.*\/elsewhere does not exist\n$/)
  })

  it('says how to make a first service', async test => {
    const { code, stderr } = await runCommand(['check'], { cwd: await makeCommandProject(test) })
    assert.equal(code, 1)
    assert.match(stderr, /^error: no service in \/.*; "npx scoring add model\.onnx" makes one\n$/)
  })
})
