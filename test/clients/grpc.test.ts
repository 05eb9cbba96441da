/** gRPC, spoken by clients that nobody here wrote. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { Child } from '../host/host-child.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'
import { tritonFiles, tritonServices, writeLogisticCase } from '../support/triton-models.ts'
import { once, run, succeed, works } from './tools.ts'

const source = (path: string) => join(import.meta.dirname, 'python', path)
/** Ends after the last test of this file. */
const cleanUps: (() => unknown)[] = []
const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }

interface App {
  /** Host and port. */
  readonly target: string
  /** Keys by service, as JSON. */
  readonly keys: string
}

async function startApp(hostArguments: readonly string[] = []): Promise<App> {
  const root = await copyOfApp(file)
  const models = await makeServices(await tritonFiles(), file)
  const child = new Child(join(root, 'dist/host-process.cjs'), ['--app', root, '--port', '0', ...hostArguments], {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    SCORING_MODELS: models,
  })
  file.onTestFinished(() => {
    child.process.kill('SIGTERM')
    return child.ended()
  })
  const [, url] = await child.see(/Listening on (\S+)/)
  for (const service of tritonServices) await child.see(new RegExp(`\\[${service}\\] ready`))
  const keys = JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))
  const primary = Object.fromEntries(tritonServices.map(service => [service, keys[service].primary]))
  return { target: new URL(url as string).host, keys: JSON.stringify(primary) }
}

/** Compiles programs of others; what is compiled stays in Go's cache, which they share with other clients of gRPC. */
const goTools = once(async () => {
  if (!(await works('go', 'version'))) return { missing: 'go is not installed' }
  const folder = await mkdtemp(join(tmpdir(), 'grpc-tools-'))
  file.onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const module = join(import.meta.dirname, 'go/grpc')
  const packages = ['github.com/grpc-ecosystem/grpc-health-probe', './grpcurl']
  await succeed('go', 'build', '-C', module, '-o', `${folder}/`, ...packages)
  return { folder }
})

describe('gRPC', () => {
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const callWithPython = async ({ target, keys }: App, ...certificate: string[]) => {
    const tool = await pythonWith(source('triton-requirements.txt'))
    if ('missing' in tool) return tool
    const logistic = await writeLogisticCase(file)
    return run(tool.python, source('infer_triton_grpc.py'), target, keys, logistic, ...certificate)
  }

  async function callWithGo({ folder }: { folder: string }, { target, keys }: App, certificate = ''): Promise<void> {
    const tls = certificate === '' ? [] : ['-tls', `-tls-ca-cert=${certificate}`]
    const probe = (...service: string[]) =>
      run(
        join(folder, 'grpc-health-probe'),
        `-addr=${target}`,
        '-connect-timeout=30s',
        '-rpc-timeout=30s',
        ...tls,
        ...service,
      )
    for (const service of [[], ['-service=simple']]) {
      const { code, stderr } = await probe(...service)
      assert.equal(code, 0, stderr)
      assert.match(stderr, /status: SERVING/)
    }
    assert.notEqual((await probe('-service=absent')).code, 0)
    const key = JSON.parse(keys).simple
    const numbers = (first: number) => ({ int_contents: Array.from({ length: 16 }, (_, index) => first + index) })
    const input = (name: string, contents: object) => ({ name, datatype: 'INT32', shape: [1, 16], contents })
    const request = { model_name: 'simple', inputs: [input('INPUT0', numbers(0)), input('INPUT1', numbers(1))] }
    const { code, stdout, stderr } = await run(
      ...([join(folder, 'grpcurl'), target, certificate, key] as const),
      ...([
        'inference.ModelInferRequest',
        'inference.GRPCInferenceService/ModelInfer',
        JSON.stringify(request),
      ] as const),
    )
    assert.equal(code, 0, stderr)
    // By either version of reflection.
    assert.equal(stdout.match(/tensorflow\.serving\.PredictionService/g)?.length, 2)
    assert.equal(stdout.match(/repeated bytes raw_input_contents = 7;/g)?.length, 2)
    const { outputs, rawOutputContents } = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1))
    assert.deepEqual(
      outputs.map(({ name }: { name: string }) => name),
      ['OUTPUT0', 'OUTPUT1'],
    )
    const sums = Buffer.from(rawOutputContents[0], 'base64')
    assert.deepEqual([sums.length, sums.readInt32LE(0), sums.readInt32LE(60)], [64, 1, 31])
  }

  describe('in clear text', () => {
    let app: App
    beforeAll(async () => {
      app = await startApp()
    })

    it("answers Triton's client, gRPC's health and reflection", async test => {
      const called = await callWithPython(app)
      if ('missing' in called) return test.skip(called.missing)
      assert.deepEqual([called.stderr, called.code], ['', 0])
      assert.equal(called.stdout.trim(), facts)
    })

    it('answers grpc-health-probe, and grpcurl by reflection', { timeout: 600_000 }, async test => {
      const tools = await goTools()
      if ('missing' in tools) return test.skip(tools.missing)
      await callWithGo(tools, app)
    })
  })

  describe('over TLS', skipFor(noOpenssl), () => {
    let app: App
    let cert: string
    beforeAll(async () => {
      const made = makeCertificates(file)
      cert = made.cert
      app = await startApp(['--cert', cert, '--key', made.key])
    })

    it("answers Triton's client, gRPC's health and reflection", async test => {
      const called = await callWithPython(app, cert)
      if ('missing' in called) return test.skip(called.missing)
      assert.deepEqual([called.stderr, called.code], ['', 0])
      assert.equal(called.stdout.trim(), facts)
    })

    it('answers grpc-health-probe, and grpcurl by reflection', { timeout: 600_000 }, async test => {
      const tools = await goTools()
      if ('missing' in tools) return test.skip(tools.missing)
      await callWithGo(tools, app, cert)
    })
  })
})

/** How many facts the program checks. */
const facts = '136'
