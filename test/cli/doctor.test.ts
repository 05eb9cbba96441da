import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { checkLocalProject } from '../../src/cli/doctor/local-checks.ts'
import { checkClock, checkMachine, checkMemory, checkNode } from '../../src/cli/doctor/machine-checks.ts'
import { type Finding, formatFindings } from '../../src/cli/finding.ts'
import { Child } from '../host/host-child.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'

const cli = fileURLToPath(new URL('../../dist/scoring.mjs', import.meta.url))
const hostJson = {
  version: '2.0',
  extensions: { http: { routePrefix: '' }, queues: { messageEncoding: 'none' } },
}
const project = {
  'host.json': hostJson,
  'package.json': { main: 'main.js' },
  'main.js': '',
  'models/sut/service.json': {},
  'models/sut/1/model.onnx': identityModel('float32'),
}
const noModes = process.platform === 'win32' && 'Windows has no file modes'

const problems = (findings: readonly Finding[]) =>
  findings
    .filter(({ level, subject }) => level !== 'ok' && subject !== 'ports')
    .map(each => Object.values(each).join(' | '))

describe('scoring doctor', () => {
  it('finds that this machine can run the app', async () => {
    const findings = await checkMachine('.')
    assert.deepEqual(
      findings.filter(({ level }) => level === 'error'),
      [],
    )
    const [runtime] = findings.filter(({ subject }) => subject === 'ONNX Runtime')
    assert.match(runtime?.message ?? '', /^\d+\.\d+\.\d+, execution providers: cpu/)
  })

  it('prints JSON and exits with 1 where something is wrong', async test => {
    const root = await makeServices({ ...project, 'host.json': { version: '1.0' } }, test)
    const child = new Child(cli, ['doctor', '--json', '--app', root])
    assert.equal(await child.ended(), 1, child.output)
    const { errors, findings } = JSON.parse(child.output)
    assert.equal(errors, 1)
    assert.deepEqual(
      findings.filter(({ level }: Finding) => level === 'error'),
      [{ level: 'error', subject: 'host.json', message: 'host.json: version is "1.0", and must be "2.0"' }],
    )
  })
})

describe('checkLocalProject', () => {
  it('finds nothing wrong with a project that runs, and changes nothing', async test => {
    const root = await makeServices(project, test)
    assert.deepEqual(problems(await checkLocalProject(root, undefined)), [])
    await assert.rejects(promisify(execFile)('ls', [join(root, 'local.settings.json')]))
  })

  it.for<[what: string, files: Record<string, unknown>, problem: RegExp]>([
    ['no main', { 'package.json': {} }, /^error \| package\.json \| "main" is missing/],
    [
      'a main that is not there',
      { 'main.js': undefined },
      /^error \| package\.json \| main is main\.js, which does not /,
    ],
    [
      'the route prefix of Azure',
      { 'host.json': { version: '2.0', extensions: { queues: { messageEncoding: 'none' } } } },
      /^warning \| host\.json \| .*routePrefix is "api", so all addresses begin with \/api/,
    ],
    [
      'encoded messages',
      { 'host.json': { version: '2.0', extensions: { http: { routePrefix: '' } } } },
      /^warning \| host\.json \| .*messageEncoding is "base64", and batch jobs need "none"/,
    ],
    ['broken settings', { 'local.settings.json': '{' }, /^error \| settings \| .*local\.settings\.json/],
    [
      'a misspelt setting',
      { 'local.settings.json': { Values: { SCORING_MODLES: 'x' } } },
      /^warning \| settings \| SCORING_MODLES is no setting/,
    ],
    [
      'a wrong setting',
      { 'local.settings.json': { Values: { SCORING_LOG: 'loud' } } },
      /^error \| settings \| setting SCORING_LOG: must be off, text or json, not "loud"/,
    ],
    [
      'a folder of models that is not there',
      { 'local.settings.json': { Values: { SCORING_MODELS: 'none' } } },
      /^error \| services \| the folder of services cannot be read/,
    ],
    [
      'a broken service',
      { 'models/sut/service.json': { batching: { maxDelay: 1 } } },
      /^error \| service sut \| sut\/service\.json: batching: unrecognized key "maxDelay"/,
    ],
    [
      'a model without a service',
      { 'models/other/1/model.onnx': 'x' },
      /^warning \| services \| "other" has a model but no service\.json/,
    ],
    [
      'a damaged key file',
      { '.local/keys.json': '{"sut": 1}' },
      /^error \| keys \| .*keys\.json: "sut" must have a primary and a secondary key/,
    ],
    [
      'no vault in production',
      { 'local.settings.json': { Values: { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' } } },
      /^error \| keys \| .*set KEY_VAULT_URL/,
    ],
  ])('finds %s', async ([, files, problem], test) => {
    const all = Object.entries({ ...project, ...files }).filter(([, content]) => content !== undefined)
    const root = await makeServices(Object.fromEntries(all) as Parameters<typeof makeServices>[0], test)
    const found = problems(await checkLocalProject(root, undefined))
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', problem)
  })

  it('finds keys that other users can read', skipFor(noModes), async test => {
    const root = await makeServices({ ...project, '.local/keys.json': '{}' }, test)
    await chmod(join(root, '.local/keys.json'), 0o644)
    const [problem = ''] = problems(await checkLocalProject(root, undefined))
    assert.match(problem, /^warning \| keys \| other users can read .* \(mode 644\): chmod 600 \//)
    await chmod(join(root, '.local/keys.json'), 0o600)
    assert.deepEqual(problems(await checkLocalProject(root, undefined)), [])
  })

  it('finds secrets that git does not ignore', async test => {
    const git = promisify(execFile)
    if (!(await git('git', ['--version']).catch(() => undefined))) return test.skip('git is not installed')
    const root = await makeServices(project, test)
    await git('git', ['-C', root, 'init', '--quiet'])
    await writeFile(join(root, '.gitignore'), '.local/\n')
    const [problem = ''] = problems(await checkLocalProject(root, undefined))
    assert.match(
      problem,
      /^warning \| git \| does not ignore local\.settings\.json, which may hold secrets: add it to /,
    )
  })

  it('finds a port that another program uses', async test => {
    const server = createServer().listen(0, '127.0.0.1')
    test.onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const root = await makeServices({ ...project, 'local.settings.json': { Host: { LocalHttpPort: port } } }, test)
    const findings = await checkLocalProject(root, undefined)
    assert.ok(findings.some(({ level, message }) => level === 'warning' && message.startsWith(`${port} is in use by `)))
  })
})

describe('machine checks', () => {
  it.each([
    ['20.11.0', 'error'],
    ['22.18.9', 'error'],
    ['22.19.0', 'ok'],
    ['24.0.0', 'ok'],
    ['100.1.0', 'ok'],
  ])('of Node.js %s, where 22.19 is needed, find %s', (version, level) => {
    assert.equal(checkNode(version, '22.19').level, level)
  })

  it('find too little memory, and a clock that was never set', () => {
    assert.equal(checkMemory(512 * 2 ** 20).level, 'warning')
    assert.equal(checkMemory(2 * 2 ** 30).level, 'ok')
    assert.equal(checkClock(Date.parse('1970-01-02')).level, 'error')
    assert.equal(checkClock(Date.parse('2100-01-01')).level, 'ok')
  })
})

describe('formatFindings', () => {
  it('wraps messages, and counts the problems', () => {
    const findings: Finding[] = [
      { level: 'ok', subject: 'Node.js', message: '24.21.0' },
      { level: 'error', subject: 'main', message: 'is missing here and there' },
    ]
    const terminal = { width: 32, paint: (_: unknown, text: string) => text }
    assert.equal(
      formatFindings(findings, terminal),
      [
        'ok     Node.js  24.21.0',
        'error  main     is missing here',
        '                and there',
        '',
        '1 error, no warnings',
      ].join('\n'),
    )
  })
})
