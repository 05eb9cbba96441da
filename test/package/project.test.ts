import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { AzureWorker } from '../support/azure-worker.ts'
import {
  copyProject,
  makePackedProject,
  makeProject,
  type PackedProject,
  packTarball,
  repackTarball,
  type StartedProject,
} from '../support/packed-project.ts'

const { version, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const flowers = {
  data: [
    [5.1, 3.4, 1.5, 0.2],
    [6.3, 3.4, 5.6, 2.4],
  ],
}
const ownFunction = `
  import { app, type HttpResponseInit } from '@azure/functions'
  app.http('hello', { handler: async (): Promise<HttpResponseInit> => ({ jsonBody: { hello: 'you' } }) })
`

/** Declarations that are missing would be `any`, and nothing would be wrong with these. */
const mistakes = `
  import { Tensor } from 'scoring-functions'
  import { EncryptedLinearClient } from 'scoring-functions/client'
  import { loadService } from 'scoring-functions/testing'
  // @ts-expect-error: it is called float32
  Tensor.from('float', [1])
  // @ts-expect-error: a service is loaded from a folder
  loadService(1)
  // @ts-expect-error: it needs a key
  void EncryptedLinearClient.create({ url: 'https://example.com' })
`

const cleanUps: (() => unknown)[] = []
const suite = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
let tarball: string
beforeAll(async () => {
  tarball = await packTarball(suite)
})
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

describe('the packed package', () => {
  it('depends on what its files import, and on nothing else', () => {
    const imported = new Set<string>()
    for (const file of globSync('dist/*.{cjs,mjs}')) {
      const text = readFileSync(file, 'utf8')
      for (const [, name = ''] of text.matchAll(
        /(?:\brequire\(|\bimport\(|^import [^\n]*?from ?|[;}]from ?)"([^."][^"]*)"/gm,
      )) {
        const [, packageName = ''] = /^((?:@[^/]+\/)?[^/]+)/.exec(name) ?? []
        if (!packageName.startsWith('node:') && !builtinModules.includes(packageName)) imported.add(packageName)
      }
    }
    // The host supplies functions-core; two bundled packages try whether the next two are there; nobody asks Azure's client for the
    // format that it reads with Arrow; the client imports the part of this package that needs Node.js by its name. Entry scripts
    // import zod.
    const supplied = ['@azure/functions-core', 'kerberos', 'supports-color', 'apache-arrow', 'scoring-functions']
    const needed = [...imported].filter(name => !supplied.includes(name))
    assert.deepEqual([...needed, 'zod'].sort(), Object.keys(dependencies).sort())
  })

  it('holds what is built, and its own papers', async () => {
    const { stdout } = await promisify(execFile)('tar', ['-tzf', tarball])
    const files = stdout.trim().split('\n')
    const top = [...new Set(files.map(file => file.split('/')[1]))].sort()
    assert.deepEqual(top, ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json'])
    assert.deepEqual(
      files.filter(file => file.endsWith('.map')),
      [],
    )
  })

  it('has the version of create-scoring-functions', () => {
    assert.equal(JSON.parse(readFileSync('create/package.json', 'utf8')).version, version)
  })
})

describe('a project of the packed package', () => {
  let project: PackedProject
  beforeAll(async () => {
    project = await makePackedProject(suite, tarball)
    await mkdir(project.path('functions'))
    await project.write('functions/hello.ts', ownFunction)
    await project.write('models/iris/mistakes.ts', mistakes)
  })

  it.each([
    ['nodenext', { module: 'nodenext' }],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
  ])('type checks under the strictest settings, module resolution %s', async (name, settings) => {
    const compilerOptions = {
      ...{ skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ noImplicitOverride: true, noPropertyAccessFromIndexSignature: true, isolatedModules: true },
      ...settings,
    }
    await project.write(`tsconfig.${name}.json`, JSON.stringify({ extends: './tsconfig.json', compilerOptions }))
    const { code, stdout } = await project.run('npx', ['tsc', '--project', `tsconfig.${name}.json`])
    assert.deepEqual([code, stdout], [0, ''])
  })

  it('passes its own test', async () => {
    const { code, stdout } = await project.run('npm', ['test'])
    assert.equal(code, 0, stdout)
    assert.match(stdout, /pass 1\n/)
  })

  it("loads in Azure's Node worker, where the package does not tell the project's folder", async test => {
    Object.assign(process.env, { AZURE_FUNCTIONS_ENVIRONMENT: 'Development', AzureWebJobsStorage: '' })
    const worker = new AzureWorker()
    await worker.load(project.root)
    test.onTestFinished(() => worker.runHooks('appTerminate'))
    const { primary } = JSON.parse(await project.read('.local/keys.json')).iris
    const { status, body } = await worker.invoke('score', {
      ...{ method: 'POST', path: '/api/v1/service/iris/score', params: { service: 'iris' } },
      headers: { authorization: `Bearer ${primary}`, 'content-type': 'application/json' },
      body: JSON.stringify(flowers),
    })
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(body).species, ['setosa', 'virginica'])
    const own = await worker.invoke('hello', { method: 'GET', path: '/hello' })
    assert.deepEqual(JSON.parse(own.body), { hello: 'you' })
  })

  it('goes on after an upgrade: keys, jobs, models, functions and settings', async () => {
    const before = await project.start()
    const first = await scored(before)
    await job(before, 'POST', '', { jobId: 'nightly', input: { rows: flowers.data } })
    while ((await job(before, 'GET', '/nightly')).status !== 'Completed') await delay(20)
    await before.stop()
    const mine = { ...ownFiles(), keys: await project.read('.local/keys.json') }

    await project.install(await repackTarball(suite, tarball, '0.99.0'))
    assert.equal(JSON.parse(await project.read('node_modules/scoring-functions/package.json')).version, '0.99.0')
    const { stdout } = await project.run('npx', ['scoring', '--version'])
    assert.equal(stdout, '0.99.0\n')
    const after = await project.start()
    assert.deepEqual(await scored(after), first)
    const { status, progress } = await job(after, 'GET', '/nightly')
    assert.deepEqual([status, progress.succeeded], ['Completed', 2])
    assert.deepEqual(await (await after.fetch('/hello')).json(), { hello: 'you' })
    assert.equal((await after.fetch('/api/v1/service/iris/docs/swagger-ui.css')).status, 200) // of the package
    await after.stop()
    assert.deepEqual({ ...ownFiles(), keys: await project.read('.local/keys.json') }, mine)
  })

  const ownFiles = () => {
    const { 'package.json': _changedByNpm, ...files } = fileHashes(project)
    return files
  }

  /** Requests about jobs of the service. */
  async function job(started: StartedProject, method: string, path: string, body?: unknown) {
    const { primary } = JSON.parse(await project.read('.local/keys.json')).iris
    const response = await started.fetch(`/api/v1/service/iris/jobs${path}`, {
      method,
      headers: { authorization: `Bearer ${primary}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as { status: string; progress: { succeeded: number } }
  }
})

describe('projects of earlier versions', () => {
  const versions = globSync('*', { cwd: 'test/fixtures/projects' }).sort()

  it.each(versions)('of %s run with this version', async earlier => {
    const project = await copyProject(suite, join('test/fixtures/projects', earlier))
    await project.install(tarball)
    const { code, stdout } = await project.run('npm', ['test'])
    assert.equal(code, 0, stdout)
    assert.deepEqual((await project.run('npx', ['tsc'])).stdout, '')
    const started = await project.start()
    assert.deepEqual((await scored(started)).species, ['setosa', 'virginica'])
    await started.stop()
  })

  it('are as their version made them', async () => {
    const made = await makeProject(suite)
    const fixture = await copyProject(suite, `test/fixtures/projects/${version}`)
    const { 'package.json': _installed, ...files } = fileHashes(made)
    const { 'package.json': _asMade, ...recorded } = fileHashes(fixture)
    assert.deepEqual(files, recorded)
  })
})

async function scored(started: StartedProject): Promise<{ species: string[] }> {
  const response = await started.score('iris', flowers)
  assert.equal(response.status, 200)
  return (await response.json()) as { species: string[] }
}

/** The hashes of the project's own files, by path. */
function fileHashes(project: PackedProject): Record<string, string> {
  const paths = globSync(['*', '.*', '.vscode/*', '{functions,models,tests}/**'], { cwd: project.root })
  const isOwn = (path: string) =>
    statSync(project.path(path)).isFile() && !/^(package-lock\.json|tsconfig\..+\.json)$/.test(path)
  const own = paths.map(path => path.replaceAll('\\', '/')).filter(isOwn)
  return Object.fromEntries(own.sort().map(path => [path, hash('sha256', readFileSync(project.path(path)))]))
}
