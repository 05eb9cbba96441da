/** gRPC, spoken by clients that nobody here wrote. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { Child } from '../host/host-child.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp } from '../support/running-app.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'
import { tritonFiles, tritonServices, writeLogisticCase } from '../support/triton-models.ts'
import { run, works } from './tools.ts'

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

    // Both take minutes to build, so they run where they are installed and are left out elsewhere.
    it('answers grpc-health-probe and grpcurl, where they are', async () => {
      if (await works('grpc-health-probe', '-version')) {
        const probed = await run('grpc-health-probe', `-addr=${app.target}`, '-service=simple')
        assert.match(probed.stderr + probed.stdout, /status: SERVING/)
      }
      if (await works('grpcurl', '-version')) {
        const { stdout } = await run('grpcurl', '-plaintext', app.target, 'describe', 'inference.ModelInferRequest')
        assert.match(stdout, /repeated bytes raw_input_contents = 7;/)
      }
    })
  })

  describe('over TLS', skipFor(noOpenssl), () => {
    it("answers Triton's client, gRPC's health and reflection", async test => {
      const { cert, key } = makeCertificates(file)
      const called = await callWithPython(await startApp(['--cert', cert, '--key', key]), cert)
      if ('missing' in called) return test.skip(called.missing)
      assert.deepEqual([called.stderr, called.code], ['', 0])
      assert.equal(called.stdout.trim(), facts)
    })
  })
})

/** How many facts the program checks. */
const facts = '136'
