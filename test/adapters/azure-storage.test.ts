/** What Azure's storage clients do where no emulator goes: other hosts, identities, refusals, silence. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import type { AddressInfo, Server } from 'node:net'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { BlobServiceClient } from '@azure/storage-blob'
import { describe, it, type TestContext } from 'vitest'
import { AzureBlobStore } from '../../src/adapters/azure/azure-blob-store.ts'
import { connectStorage } from '../../src/adapters/azure/storage.ts'
import type { StorageError } from '../../src/jobs/blob-store.ts'
import { BlobChanged, BlobGone } from '../../src/jobs/blob-store.ts'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { skipFor } from '../support/skip-for.ts'

const signature = 'sv=2026-10-06&sr=b&sp=r&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D'
const secrets = [
  'c2VjcmV0LXNpZ25hdHVyZQ',
  'identity-header-for-tests-only',
  'token-for-tests-only',
  'a2V5LWZvci10ZXN0cw',
]
const callOptions = { deadlineMs: 20_000, retryDelayMs: 1 }

async function listen(test: TestContext, server: Server & { closeAllConnections(): void }): Promise<number> {
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** An account whose storage answers as it is told. */
async function accountOf(test: TestContext, answer: RequestListener, deadlineMs = 20_000, connect = connectStorage) {
  const url = `http://127.0.0.1:${await listen(test, createHttpServer(answer))}/account`
  const key = Buffer.from('key-for-tests-only').toString('base64')
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${key};BlobEndpoint=${url};QueueEndpoint=${url}`
  return connect({ connectionString }, { deadlineMs, retryDelayMs: 1 })
}

/** A host elsewhere, and a store that trusts its certificate. */
async function elsewhere(test: TestContext, answer: RequestListener) {
  const { cert, key } = makeCertificates(test)
  const ca = await readFile(cert)
  const port = await listen(test, createServer({ cert: ca, key: await readFile(key) }, answer))
  const service = new BlobServiceClient('https://nowhere.invalid')
  const blobs = new AzureBlobStore({
    service,
    calls: callOptions,
    remoteOptions: { tlsOptions: { ca: ca.toString() } },
  })
  const bareUrl = `https://localhost:${port}/data/rows.csv`
  return { blobs, bareUrl, url: `${bareUrl}?${signature}`, cert }
}

const told = { etag: '"1"', 'last-modified': 'Sat, 21 Nov 2026 10:00:00 GMT' }
const refusal =
  (status: number, code: string): RequestListener =>
  (_, answer) =>
    void answer.writeHead(status, { 'x-ms-error-code': code }).end()

/** A blob of ten digits, for requests with the signature. */
const digits: RequestListener = ({ method, url, headers }, answer) => {
  if (!url?.includes(signature)) return void refusal(403, 'AuthenticationFailed')(undefined as never, answer)
  if (method === 'HEAD') return void answer.writeHead(200, { ...told, 'content-length': 10 }).end()
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(String(headers['x-ms-range'] ?? headers.range)) ?? []
  const body = '0123456789'.slice(Number(first), Number(last) + 1)
  const range = `bytes ${first}-${Number(first) + body.length - 1}/10`
  answer.writeHead(206, { ...told, 'content-range': range, 'content-length': body.length }).end(body)
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += Buffer.from(piece).toString()
  return text
}

describe('AzureBlobStore', () => {
  it('explains a container that is being deleted', async test => {
    const { blobs } = await accountOf(test, refusal(409, 'ContainerBeingDeleted'))
    await assert.rejects(blobs.create({ container: 'jobs', path: 'a' }, 'x'), {
      message:
        'could not create the blob jobs/a: status 409, ContainerBeingDeleted: the container is being deleted and can be created again in half a minute or more',
    })
  })

  it('names the roles that an identity lacks', async test => {
    const { blobs } = await accountOf(test, refusal(403, 'AuthorizationPermissionMismatch'))
    await assert.rejects(blobs.head({ container: 'jobs', path: 'a' }), /"Storage Blob Data Owner"/)
  })

  it('fails after its deadline without an answer or a byte', async test => {
    const silent = await accountOf(test, () => {}, 50)
    const reference = { container: 'jobs', path: 'a' }
    await assert.rejects(silent.blobs.head(reference), { code: 'timeout' })
    await assert.rejects(silent.queues.send('split', { jobId: 'a' }), { code: 'timeout' })
    const half: RequestListener = (_, answer) => {
      answer.writeHead(206, { ...told, 'content-range': 'bytes 0-9/10', 'content-length': 10 })
      answer.flushHeaders()
    }
    const stalling = await accountOf(test, half, 50)
    await assert.rejects(readAll(stalling.blobs.read(reference, '"1"')), { code: 'timeout' })
  })
})

describe('AzureBlobStore, for blobs of other accounts', skipFor(noOpenssl), () => {
  it('reads with the signature in the URL', async test => {
    const { blobs, bareUrl, url } = await elsewhere(test, digits)
    assert.equal((await blobs.head({ url }))?.bytes, 10)
    assert.equal(await readAll(blobs.read({ url }, '"1"')), '0123456789')
    assert.equal(await readAll(blobs.read({ url }, '"1"', { start: 2, end: 5 })), '234')
    await assert.rejects(blobs.head({ url: bareUrl }), /AuthenticationFailed/)
    await assert.rejects(blobs.head({ url: `${bareUrl}?sig=another` }), /AuthenticationFailed/)
  })

  it('requests no other host or path than the URL names', async test => {
    for (const status of [301, 302, 303, 307, 308]) {
      const asked: unknown[] = []
      const redirecting = await elsewhere(test, ({ url }, answer) => {
        asked.push(url)
        answer.writeHead(status, { location: '/other' }).end()
      })
      const { url } = redirecting
      await assert.rejects(redirecting.blobs.head({ url }), { name: 'StorageError' })
      await assert.rejects(readAll(redirecting.blobs.read({ url }, '"1"')), { name: 'StorageError' })
      assert.deepEqual(asked, [`/data/rows.csv?${signature}`, `/data/rows.csv?${signature}`])
    }
    for (const url of ['http://localhost/a', 'https://me:word@localhost/a', 'file:///etc/passwd', 'rows.csv'])
      await assert.rejects(redirectFree().head({ url }), { code: 'no-https' })
  })

  it('refuses a server without ETags, ranges or bytes, or with another version', async test => {
    const bare = await elsewhere(test, (_, answer) => void answer.writeHead(200, { 'content-length': 10 }).end())
    await assert.rejects(bare.blobs.head({ url: bare.url }), { code: 'no-etag' })
    const range = { 'content-range': 'bytes 0-9/10', 'content-length': 0 }
    const empty = await elsewhere(test, (_, answer) => void answer.writeHead(206, { ...told, ...range }).end())
    await assert.rejects(readAll(empty.blobs.read({ url: empty.url }, '"1"')), { code: 'no-bytes' })
    const whole = await elsewhere(
      test,
      (_, answer) => void answer.writeHead(200, { ...told, 'content-length': 10 }).end('0123456789'),
    )
    await assert.rejects(readAll(whole.blobs.read({ url: whole.url }, '"1"')), { code: 'no-range' })
    await assert.rejects(readAll(whole.blobs.read({ url: whole.url }, '"0"')), { name: 'BlobChanged' })
  })

  it('shows no signature in any failure', async test => {
    const failures: RequestListener[] = [
      refusal(403, 'AuthenticationFailed'),
      refusal(500, 'InternalError'),
      (_, answer) => void answer.socket?.destroy(),
      ({ url }, answer) => void answer.writeHead(400, { 'x-ms-error-code': url }).end(`<Error>${url}</Error>`),
      ({ url }, answer) => void answer.writeHead(302, { location: url }).end(url),
      ({ url }, answer) => void answer.writeHead(206, { ...told, 'content-range': url }).end(url),
      (_, answer) =>
        void answer
          .writeHead(206, { ...told, 'content-range': 'bytes 0-9/10', 'content-length': 10 })
          .write('0', () => answer.socket?.destroy()),
    ]
    for (const [index, answer] of failures.entries()) {
      const { blobs, url } = await elsewhere(test, answer)
      const errors: StorageError[] = []
      await blobs.head({ url }).catch(error => errors.push(error))
      await readAll(blobs.read({ url }, '"1"')).catch(error => errors.push(error))
      assert.ok(errors.length > 0, `failure ${index}`)
      for (const error of errors) {
        const shown = inspect(error, { depth: 9, showHidden: true }) + error.stack
        assert.ok(!shown.includes(secrets[0]!), shown)
      }
    }
  })
})

/** For what is refused before anything is asked. */
function redirectFree(): AzureBlobStore {
  const service = new BlobServiceClient('https://nowhere.invalid')
  return new AzureBlobStore({ service, calls: callOptions })
}

describe('dist/storage.cjs', skipFor(noOpenssl), () => {
  it('uses the identity of the app, and prints no secret even with every log of the SDKs on', async test => {
    const resources: unknown[] = []
    const identity = createHttpServer(({ url, headers }, answer) => {
      assert.equal(headers['x-identity-header'], 'identity-header-for-tests-only')
      const { searchParams } = new URL(url ?? '', 'http://localhost')
      resources.push([searchParams.get('resource'), searchParams.get('client_id')])
      const expires_on = String(Math.floor(Date.now() / 1000) + 3600)
      answer.writeHead(200, { 'content-type': 'application/json' })
      answer.end(JSON.stringify({ access_token: 'token-for-tests-only', expires_on, token_type: 'Bearer' }))
    })
    const identityPort = await listen(test, identity)
    const seen: unknown[] = []
    const { bareUrl, cert } = await elsewhere(test, (request, answer) => {
      const { method, headers } = request
      if (method === 'GET' || method === 'HEAD') return digits(request, answer)
      seen.push([method, headers.authorization])
      request.resume()
      if (method === 'PUT') answer.writeHead(201, told).end()
      else refusal(403, 'AuthorizationPermissionMismatch')(request, answer)
    })
    const clientId = '00000000-0000-0000-0000-000000000003'
    const args = [
      ...['test/fixtures/read-blob.cjs', resolve('dist/storage.cjs'), bareUrl],
      `${new URL(bareUrl).origin}/account`,
      clientId,
    ]
    const env = {
      PATH: process.env.PATH,
      IDENTITY_ENDPOINT: `http://127.0.0.1:${identityPort}/msi/token`,
      IDENTITY_HEADER: 'identity-header-for-tests-only',
      SIGNATURE: signature,
      NODE_EXTRA_CA_CERTS: cert,
      AZURE_LOG_LEVEL: 'verbose',
      DEBUG: '*',
    }
    const [output, log] = await new Promise<[string, string]>(done => {
      execFile(process.execPath, args, { env }, (_, stdout, stderr) => done([stdout, stderr]))
    })
    const shown = output.replaceAll(/^azure:.*\n/gm, '')
    assert.match(
      shown,
      /^10\n0123456789\n"1"\n(?:\w+ \[)?StorageError\]?: could not send a message to the queue scoring-job-split: status 403, AuthorizationPermissionMismatch: /,
      log,
    )
    assert.deepEqual(resources, [['https://storage.azure.com', clientId]]) // the token is for both services
    assert.deepEqual(seen, [
      ['PUT', 'Bearer token-for-tests-only'],
      ['POST', 'Bearer token-for-tests-only'],
    ])
    assert.match(log, /azure:identity/) // the logs are on
    assert.doesNotMatch(log, /rows\.csv/)
    for (const secret of secrets) assert.ok(!(output + log).includes(secret), output + log)
  })

  it('throws errors that other bundles recognise by class', async test => {
    const bundle = createRequire(import.meta.url)(
      resolve('dist/storage.cjs'),
    ) as typeof import('../../src/adapters/azure/storage.ts')
    for (const [expected, status] of [
      [BlobGone, 404],
      [BlobChanged, 412],
    ] as const) {
      const answer: RequestListener = (request, response) =>
        request.method === 'HEAD' && status === 412
          ? void response.writeHead(200, { ...told, 'content-length': 10 }).end()
          : refusal(status, 'Some')(request, response)
      const { blobs } = await accountOf(test, answer, 20_000, bundle.connectStorage)
      const reference = { container: 'jobs', path: 'a' }
      await assert.rejects(readAll(blobs.read(reference, '"0"')), error => error instanceof expected)
      const other = expected === BlobGone ? BlobChanged : BlobGone
      await assert.rejects(readAll(blobs.read(reference, '"0"')), error => !(error instanceof other))
    }
  })

  it('holds the SDKs, which the bundle of every start does not', async () => {
    const sdk = /x-ms-blob-content-md5/
    assert.match(await readFile('dist/storage.cjs', 'utf8'), sdk)
    assert.doesNotMatch(await readFile('dist/app.cjs', 'utf8'), sdk)
  })
})
