import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { noOpenssl } from '../host/certificates.ts'
import { startAzureHost } from '../support/azure-host-process.ts'
import { runCommand } from '../support/command.ts'
import { ignoreRules } from '../support/ignore-rules.ts'
import { startKeyVaultDouble } from '../support/key-vault-double.ts'
import { makePackedProject, packTarball } from '../support/packed-project.ts'
import { greyPng } from '../support/png-writer.ts'
import { findNoPython } from '../support/python.ts'
import { skipFor } from '../support/skip-for.ts'

interface Report {
  readonly file: string
  readonly bytes: number
  readonly appBytes: number
  readonly sha256: string
  readonly images: boolean
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly packedBytes: number }[]
}

const cleanUps: (() => unknown)[] = []
const suite = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deployment-'))
})
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
  await chmod(folder, 0o700)
  await rm(folder, { recursive: true, force: true, maxRetries: 9 })
})

async function makePackage(name: string, args: readonly string[] = [], cwd = '.'): Promise<Report> {
  const file = join(folder, `${name}.zip`)
  const { code, stdout, stderr } = await runCommand(['package', '--json', '--out', file, ...args], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout) as Report
}

/** Unpacks with another program into a folder that nobody may write, not even its owner. */
async function unpack(zip: string): Promise<string> {
  const root = await mkdtemp(join(folder, 'wwwroot-'))
  await promisify(execFile)('python3', ['-m', 'zipfile', '-e', zip, root])
  await promisify(execFile)('chmod', ['-R', 'a-w,a+rX', root])
  await chmod(folder, 0o755)
  cleanUps.push(() => promisify(execFile)('chmod', ['-R', 'u+w', root]))
  return root
}

/** In Azure the app is no superuser; where these tests are run by one, the app gives that up. */
const nobody = process.getuid?.() === 0 ? 65534 : undefined

async function startDeployed(root: string, environment: Record<string, string>) {
  const temporary = await mkdtemp(join(folder, 'tmp-'))
  await chmod(temporary, 0o777)
  return startAzureHost(suite, root, { environment: { TMPDIR: temporary, ...environment }, user: nobody })
}

const noPython = await findNoPython() // which unpacks

describe('scoring package', skipFor(noPython ?? noOpenssl), () => {
  const key = 'key-of-the-vault-for-tests-only'.padEnd(48, '0')
  let made: Report
  let url: string
  beforeAll(async () => {
    made = await makePackage('app')
    const vault = await startKeyVaultDouble(suite)
    const services = ['diabetes', 'iris', 'digits']
    for (const service of services) vault.set(`${service}-primary-key`, key)
    // Its certificate lies where only its owner reads.
    const ca = join(folder, 'ca.pem')
    await cp(vault.environment.SCORING_KEY_VAULT_TEST_CA as string, ca)
    await chmod(ca, 0o644)
    const root = await unpack(made.file)
    ;({ url } = await startDeployed(root, {
      ...vault.environment,
      SCORING_KEY_VAULT_TEST_CA: ca,
      AZURE_FUNCTIONS_ENVIRONMENT: 'Production',
      SCORING_READY_WHEN: 'all',
    }))
    while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(20)
  })

  const score = (service: string, body: string | Uint8Array<ArrayBuffer>, contentType = 'application/json') =>
    fetch(`${url}/api/v1/service/${service}/score`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': contentType },
      body,
    })

  it('makes what scores JSON where nothing can be written, as another user', async () => {
    const answer = await score('diabetes', await readFile('models/diabetes/sample.json', 'utf8'))
    assert.deepEqual([answer.status, await answer.text()], [200, '[217.67978776218715, 224.78937091757172]'])
  })

  it('makes what scores a PNG and a JPEG', async () => {
    const { data } = JSON.parse(await readFile('models/digits/sample.json', 'utf8'))
    const pixels: number[][] = data[0].map((row: number[]) => row.map(ink => Math.round((ink * 255) / 16)))
    const expected = await (await score('digits', JSON.stringify({ data: [data[0]] }))).json()
    const png = await score('digits', greyPng(pixels), 'image/png')
    assert.deepEqual([png.status, await png.json()], [200, expected])
    const raw = { raw: { width: 8, height: 8, channels: 1 } } as const
    const jpeg = sharp(Buffer.from(pixels.flat()), raw).resize(320, 320, { kernel: 'nearest' }).jpeg()
    const answer = await score('digits', new Uint8Array(await jpeg.toBuffer()), 'image/jpeg')
    const digitIn = ([row]: number[][]) => row?.indexOf(Math.max(...row))
    assert.equal(answer.status, 200)
    assert.equal(digitIn((await answer.json()) as number[][]), digitIn(expected as number[][]))
  })

  it('makes what serves the pages of services', async () => {
    assert.equal((await fetch(`${url}/api/v1/service/diabetes/docs/swagger-ui.css`)).status, 200)
    assert.equal((await fetch(`${url}/api/v1/service/diabetes/swagger.json`)).status, 200)
  })

  it('is as small as it is meant to be, with images and without', async () => {
    assert.ok(made.images && made.bytes <= 27_000_000, `${made.bytes}`)
    const without = await makePackage('without', ['--no-images'])
    assert.ok(!without.images && without.bytes <= 19_500_000, `${without.bytes}`)
    assert.deepEqual(
      without.files.filter(({ path }) => path.includes('sharp')),
      [],
    )
  })

  it('makes the same bytes again', async () => {
    const again = await makePackage('again')
    assert.equal(again.sha256, made.sha256)
    assert.deepEqual(await readFile(again.file), await readFile(made.file))
  })

  it('holds nothing that a deployment of the folder would leave out', async () => {
    const rules = await readFile('.funcignore', 'utf8')
    const paths = made.files.map(({ path }) => path)
    for (const [tool, leftOut] of ignoreRules) assert.deepEqual(leftOut(rules, paths), [], tool)
  })

  it('takes services from elsewhere in place of those of the project', async test => {
    const services = await mkdtemp(join(tmpdir(), 'services-'))
    test.onTestFinished(() => rm(services, { recursive: true, maxRetries: 9 }))
    await cp('models/diabetes', join(services, 'mine'), { recursive: true })
    const { files, images } = await makePackage('elsewhere', ['--models', services])
    const packed = files.flatMap(({ path }) => (path.startsWith('models/') ? [path] : []))
    assert.deepEqual(
      [packed, images],
      [['models/mine/1/model.onnx', 'models/mine/sample.json', 'models/mine/service.json'], false],
    )
  })

  it('fails above the limit, and names it', async () => {
    const out = join(folder, 'limited.zip')
    const { code, stdout, stderr } = await runCommand(['package', '--limit', '20', '--out', out])
    assert.equal(code, 1)
    assert.match(
      stdout,
      /^In the package +Files +Unpacked +Packed\nnode_modules\/onnxruntime-node +\d+ +46 MB +17 MB\n/,
    )
    assert.match(stderr, /^error: the package is too large: .* takes 26\.\d\d MB of it, and the limit is 20\.00 MB; /)
  })
})

describe('scoring package with mistakes', () => {
  const mistakes: [files: Record<string, string>, args: string[], message: RegExp, code: number][] = [
    [{}, ['--out', '.'], /^error: --out: \/.+ is a folder; name a file, such as \/.+\/app\.zip\n$/, 2],
    [{}, ['--limit', 'small'], /^error: --limit is "small", and must be a number of MB above 0\n$/, 2],
    [
      {},
      ['--arch', 'mips'],
      /^error: option '--arch <name>' argument 'mips' is invalid\. Allowed choices are x64, arm64\./,
      2,
    ],
    [
      {},
      ['--models', '..'],
      /^error: the services are in \/.+, which holds the project itself: name a folder of services with --models\n$/,
      1,
    ],
    [{ 'package.json': '{' }, [], /^error: \/.+\/package\.json is not JSON: /, 1],
    [
      { 'package.json': '{"name": "mine", "dependencies": {"absent": "1"}}' },
      [],
      /^error: mine needs the package absent, which is not installed: run "npm install"\n$/,
      1,
    ],
    [{}, [], /^error: "main" in package\.json is "lib\.js", a file that would not be in the package: /, 1],
  ]
  it.for(mistakes)(
    'says of %j, %j what is wrong, and writes nothing',
    async ([files, args, message, expected], test) => {
      const root = await mkdtemp(join(tmpdir(), 'project-'))
      test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
      const all = { 'host.json': '{"version": "2.0"}', 'package.json': '{"name": "mine", "main": "lib.js"}', ...files }
      for (const [name, content] of Object.entries(all)) await writeFile(join(root, name), content)
      await mkdir(join(root, 'models'))
      const { code, stdout, stderr } = await runCommand(['package', ...args], { cwd: root })
      assert.deepEqual([code, stdout], [expected, ''])
      assert.match(stderr, message)
      assert.ok(!(await readdir(root)).includes('out'))
    },
  )
})

describe('scoring package in a project', skipFor(noPython), () => {
  it('takes its services, functions and packages, and no secret', async () => {
    const project = await makePackedProject(suite, await packTarball(suite))
    const files: Record<string, string> = {
      'models/iris/service.json': JSON.stringify({ entryScript: 'score.ts', auth: { mode: 'none' } }),
      'functions/hello.ts': `
        import { app } from '@azure/functions'
        import { greeting } from '../lib/greeting.ts'
        import { z } from 'zod'
        app.http('hello', { handler: async () => ({ body: z.string().parse(greeting) }) })`,
      'lib/greeting.ts': `export const greeting = 'hello'`,
      '.env': 'SECRET=1',
      '.local/keys.json': '{}',
      'notes.zip': 'earlier',
    }
    for (const name of ['functions', 'lib', '.local']) await mkdir(project.path(name))
    for (const [path, content] of Object.entries(files)) await project.write(path, content)
    // What the first suite has compressed.
    await mkdir(project.path('node_modules/.cache'), { recursive: true })
    await mkdir('node_modules/.cache/scoring-functions', { recursive: true })
    await symlink(
      resolve('node_modules/.cache/scoring-functions'),
      project.path('node_modules/.cache/scoring-functions'),
    )
    const { code, stdout, stderr } = await project.run('npm', ['run', '--silent', 'package', '--', '--json'])
    assert.deepEqual([code, stderr], [0, ''])
    const made = JSON.parse(stdout) as Report
    assert.ok(!made.images && made.appBytes <= 19_500_000, `${made.appBytes}`)
    const own = made.files.map(({ path }) => path).filter(path => !path.startsWith('node_modules/'))
    assert.deepEqual(own, [
      ...['functions/hello.ts', 'host.json', 'lib/greeting.ts', 'models/iris/1/model.onnx', 'models/iris/sample.json'],
      ...['models/iris/score.ts', 'models/iris/service.json', 'package.json'],
    ])
    const root = await unpack(made.file)
    assert.deepEqual((await readdir(join(root, 'node_modules'))).sort(), [
      ...['@azure', 'cookie', 'onnxruntime-common', 'onnxruntime-node', 'scoring-functions', 'zod'],
    ])
    const { url } = await startDeployed(root, {
      AZURE_FUNCTIONS_ENVIRONMENT: 'Production',
      KEY_VAULT_URL: 'https://unused.vault.azure.net',
    })
    while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(20)
    const body = JSON.stringify({ data: [[5.1, 3.4, 1.5, 0.2]] })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/api/v1/service/iris/score`, { method: 'POST', body, headers })
    assert.deepEqual([answer.status, ((await answer.json()) as { species: string[] }).species], [200, ['setosa']])
    assert.equal(await (await fetch(`${url}/hello`)).text(), 'hello')
  })
})
