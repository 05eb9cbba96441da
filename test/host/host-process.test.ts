import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { Agent, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { skipFor } from '../support/skip-for.ts'
import { makeCertificates, noOpenssl } from './certificates.ts'
import { dial, fixtureApp, type Host, readAll, send, spawnHost, startHost } from './host-child.ts'

describe('host-process', () => {
  it('loads ES modules and TypeScript that a brace pattern names, without a route prefix', async test => {
    const host = await startHost(test, 'modules')
    assert.equal((await send(host, '/')).body, 'root')
    assert.equal((await send(host, '/one')).body, 'one')
    assert.equal((await send(host, '/two', { body: 'two' })).body, 'two')
    assert.equal((await send(host, '/two')).status, 404)
  })

  it('loads a CommonJS bundle with the library inside', async test => {
    const { build } = await import('esbuild')
    const dist = join(fixtureApp('bundled'), 'dist')
    test.onTestFinished(() => rmSync(dist, { recursive: true, force: true, maxRetries: 9 }))
    await build({
      entryPoints: [join(fixtureApp('modules'), 'functions/two.mjs')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['@azure/functions-core'],
      outfile: join(dist, 'functions.cjs'),
    })
    const host = await startHost(test, 'bundled')
    assert.equal((await send(host, '/api/two', { body: 'two' })).body, 'two')
  })

  it('stores compiled code of the app for its next start', async test => {
    const app = await mkdtemp(join(tmpdir(), 'compiled-app-'))
    test.onTestFinished(() => rm(app, { recursive: true, force: true, maxRetries: 9 }))
    await writeFile(join(app, 'package.json'), '{"main": "index.cjs"}')
    await writeFile(join(app, 'host.json'), '{"version": "2.0"}')
    await writeFile(join(app, 'index.cjs'), "exports.text = 'any'")
    const host = await startHost(test, 'plain', { args: ['--app', app] })
    host.process.kill('SIGTERM')
    assert.equal(await host.ended(), 0)
    const [stored] = (await readdir(join(app, '.local/compile-cache'), { recursive: true })).filter(file =>
      /[/\\]/.test(file),
    )
    assert.ok(stored)
  })

  it.for([
    ['throwing', {}, /^error: Worker was unable to load entry point "index.cjs": Error: thrown while loading\n\s+at /m],
    [
      'empty',
      {},
      /^error: "main" in package\.json is "dist\/\*\.js", and .* has no such file: run "npm install", or build the app/m,
    ],
    ['startup-error', {}, /^error: setting X: expected a number\n$/],
    ['startup-error', { STARTUP_NAME: 'TypeError' }, /^error: TypeError: setting X: expected a number\n\s+at /m],
    ['plain', { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: 'lots' }, /^error: FUNCTIONS_REQUEST_BODY_SIZE_LIMIT/m],
    ['plain', { HTTP20_ONLY_PORT: 'x' }, /^error: HTTP20_ONLY_PORT is "x", and must be a whole number, 1 to 65535\n$/],
  ] as const)('ends with 1 and says why when %s cannot start, with %j', async ([app, environment, message], test) => {
    const child = spawnHost(test, app, ['--no-local-settings'], environment)
    assert.equal(await child.ended(), 1)
    assert.match(child.output, message)
  })

  it('ends with 1 when the port is taken', async test => {
    const server = createServer().listen(0, '127.0.0.1')
    test.onTestFinished(() => {
      server.close()
    })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const child = spawnHost(test, 'plain', ['--port', String(port)])
    assert.equal(await child.ended(), 1)
    const advice = 'Close the process using that port, or specify another port using --port [-p].'
    assert.equal(child.output, `error: Port ${port} is unavailable. ${advice}\n`)
    const second = spawnHost(test, 'plain', ['--grpc-port', String(port)])
    assert.equal(await second.ended(), 1)
    assert.equal(second.output, `error: Port ${port} is unavailable. ${advice.replace('--port [-p]', '--grpc-port')}\n`)
  })

  it('sets the environment name and the host name for the app', async test => {
    const host = await startHost(test, 'plain')
    const value = async (name: string) => (await send(host, `/api/environment?name=${name}`)).body
    assert.equal(await value('AZURE_FUNCTIONS_ENVIRONMENT'), 'Development')
    assert.equal(await value('WEBSITE_HOSTNAME'), `localhost:${host.port}`)
    assert.equal(await value('FUNCTIONS_WORKER_RUNTIME'), 'node')
    const staging = await startHost(test, 'plain', { environment: { AZURE_FUNCTIONS_ENVIRONMENT: 'Staging' } })
    assert.equal((await send(staging, '/api/environment?name=AZURE_FUNCTIONS_ENVIRONMENT')).body, 'Staging')
  })

  it('ends with 70 when the app crashes, and says why', async test => {
    const host = await startHost(test, 'plain')
    await send(host, '/api/crash-later')
    assert.equal(await host.ended(), 70)
    assert.match(host.output, /Uncaught exception: Error: crashed on purpose\n\s+at /)
  })

  it.for(['SIGTERM', 'SIGINT'] as const)(
    'completes requests in progress before it ends on %s',
    async (signal, test) => {
      const host = await startHost(test, 'plain')
      const idle = await dial(test, host)
      const agent = new Agent({ keepAlive: true })
      test.onTestFinished(() => void agent.destroy())
      assert.equal((await send(host, '/api/empty', { agent })).status, 200) // an idle connection to be closed
      const answer = send(host, '/api/slow?ms=300', { agent: new Agent({ keepAlive: true }) })
      await host.see(/slow: begun/)
      host.process.kill(signal)
      const { status, body, headers } = await answer
      assert.deepEqual([status, body, headers.connection], [200, 'slow but sure', 'close'])
      assert.equal(await host.ended(), 0)
      assert.equal(await readAll(idle), '')
    },
  )

  it('accepts no connections while it stops, and ends at once on a second signal', async test => {
    const host = await startHost(test, 'plain')
    const broken = assert.rejects(send(host, '/api/slow?ms=60000'))
    await host.see(/slow: begun/)
    host.process.kill('SIGTERM')
    for (;;) {
      const isRefused = await send(host, '/api/empty').then(
        () => false,
        error => error.code === 'ECONNREFUSED',
      )
      if (isRefused) break
    }
    host.process.kill('SIGTERM')
    assert.equal(await host.ended(), 'SIGKILL')
    await broken
  })
})

describe('invokeWithHooks', () => {
  let host: Host
  beforeAll(async () => {
    host = await startHost(undefined, 'hooked')
  })
  afterAll(() => host.kill())
  const fetchBody = async (query: string) => (await send(host, `/api/run?${query}`)).body
  const fetchStatus = async (query: string) => (await send(host, `/api/run?${query}`)).status

  it('lets hooks replace the inputs and the handler', async () => {
    assert.equal(await fetchBody(''), 'plain')
    assert.equal(await fetchBody('input=mine'), 'input mine')
    assert.equal(await fetchBody('handler'), 'from another handler')
  })

  it('lets hooks replace the result and the error', async () => {
    assert.equal(await fetchBody('wish=replace'), 'replaced in run')
    assert.equal(await fetchBody('wish=fix'), 'fixed, begun true')
    assert.equal(await fetchStatus('wish=spoil'), 500)
  })

  it('fails the request when a hook throws, or assigns what is read-only', async () => {
    assert.equal(await fetchStatus('throw'), 500)
    assert.equal(await fetchStatus('assign'), 500)
    await host.see(/TypeError: Cannot assign to read only property 'invocationContext'/)
  })

  it('shows the log to hooks, which may reword it', async () => {
    await fetchBody('')
    await host.see(/\] a \*\*\* wish/)
  })

  it('runs hooks at the start and at the end of the app', async test => {
    const own = await startHost(test, 'hooked')
    await own.see(/app started/)
    own.process.kill('SIGTERM')
    assert.equal(await own.ended(), 0)
    assert.match(own.output, /app terminated, appStart\n$/)
  })
})

describe('HttpServer with a certificate', skipFor(noOpenssl), () => {
  it('serves with TLS 1.2 and later, and waits for no idle connection when it stops', async test => {
    const { cert, key } = makeCertificates(test)
    const host = await startHost(test, 'plain', { args: ['--cert', cert, '--key', key] })
    const ca = readFileSync(cert)
    const [response] = await once(requestHttps(`${host.url}/api/look`, { ca, agent: false }).end(), 'response')
    const [body] = await once(response, 'data')
    assert.equal(JSON.parse(body).url, `https://localhost:${host.port}/api/look`)
    assert.equal(response.headers['strict-transport-security'], undefined, 'other programs are on localhost too')
    const named = requestHttps(`${host.url}/api/look`, {
      ca,
      agent: false,
      servername: 'localhost',
      headers: { host: 'scores.example.com' },
    })
    const [other] = await once(named.end(), 'response')
    other.resume()
    assert.equal(other.headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    const old = connectTls({ port: host.port, host: '127.0.0.1', ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })
    await assert.rejects(once(old, 'secureConnect'))
    const plain = requestHttp({ port: host.port, host: '127.0.0.1', agent: false }).end()
    await assert.rejects(once(plain, 'response'))
    assert.equal(host.url, `https://localhost:${host.port}`)

    const idle = connectTls({ port: host.port, host: '127.0.0.1', ca })
    await once(idle, 'secureConnect')
    host.process.kill('SIGTERM')
    await once(idle.resume(), 'close')
    assert.equal(await host.ended(), 0)
  })

  it('ends with 1 and one line when certificate or key cannot be used', async test => {
    const { cert, key, otherKey, noPem, absent } = makeCertificates(test)
    for (const [certPath, keyPath, message] of [
      [absent, key, `certificate ${absent} does not exist`],
      [cert, absent, `key ${absent} does not exist`],
      [noPem, key, `certificate ${noPem} is not a PEM certificate`],
      ['/dev/null', key, 'certificate /dev/null is empty'],
      [cert, '/dev/null', 'key /dev/null is empty'],
      [cert, noPem, `key ${noPem} is not a PEM key that can be used without a passphrase`],
      [cert, otherKey, `key ${otherKey} does not belong to certificate ${cert}`],
    ] as const) {
      const child = spawnHost(test, 'plain', ['--cert', certPath, '--key', keyPath])
      assert.equal(await child.ended(), 1)
      assert.equal(child.output, `error: ${message}\n`)
    }
  })
})
