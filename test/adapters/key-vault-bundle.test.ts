import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { noOpenssl } from '../host/certificates.ts'
import { type KeyVaultDouble, startKeyVaultDouble } from '../support/key-vault-double.ts'
import { skipFor } from '../support/skip-for.ts'

const key = 'sfkey_for-tests-only-0123456789abcdefghijklmnopqr'
const identityHeader = 'identity-header-for-tests-only'

/** The token endpoint of App Service and Functions ("How to use managed identities", REST endpoint reference). */
async function startIdentityEndpoint(test: TestContext, token: string) {
  const queries: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    queries.push(searchParams)
    if (request.headers['x-identity-header'] !== identityHeader) return void response.writeHead(400).end()
    const answer = {
      access_token: token,
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      resource: searchParams.get('resource'),
      token_type: 'Bearer',
      client_id: '00000000-0000-0000-0000-000000000002',
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  test.onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`, queries }
}

/** What the built bundle prints while it reads a secret with a managed identity, with every log of the SDKs on. */
async function readInAzure(test: TestContext, vault: KeyVaultDouble, token: string, clientId?: string) {
  const identity = await startIdentityEndpoint(test, token)
  const { port } = new URL(vault.url)
  const ca = vault.environment.SCORING_KEY_VAULT_TEST_CA as string
  const args = [
    'test/fixtures/read-secret.cjs',
    resolve('dist/key-vault.cjs'),
    port,
    ca,
    ...(clientId ? [clientId] : []),
  ]
  const env = {
    PATH: process.env.PATH,
    IDENTITY_ENDPOINT: identity.url,
    IDENTITY_HEADER: identityHeader,
    AZURE_LOG_LEVEL: 'verbose',
    DEBUG: '*',
    NODE_DEBUG: 'cluster', // not http and tls: those print what is on the wire, and no app can help it
  }
  const output = await new Promise<string>(done => {
    execFile(process.execPath, args, { env }, (_, stdout, stderr) => done(stdout + stderr))
  })
  return { output, queries: identity.queries }
}

describe('dist/key-vault.cjs', skipFor(noOpenssl), () => {
  it('reads a secret with the managed identity of the app', async test => {
    const vault = await startKeyVaultDouble(test)
    const version = vault.set('iris-primary-key', key)
    const { output, queries } = await readInAzure(test, vault, vault.token)
    assert.match(output, new RegExp(`^version ${version}$`, 'm'))
    assert.deepEqual(
      queries.map(query => [query.get('resource'), query.has('client_id')]),
      [['https://vault.azure.net', false]],
    )
  })

  it('asks for the user-assigned identity that it is told', async test => {
    const vault = await startKeyVaultDouble(test)
    vault.set('iris-primary-key', key)
    const { queries } = await readInAzure(test, vault, vault.token, '00000000-0000-0000-0000-000000000003')
    assert.equal(queries[0]?.get('client_id'), '00000000-0000-0000-0000-000000000003')
  })

  it('prints no key and no token, even with every log of the SDKs on', async test => {
    const vault = await startKeyVaultDouble(test)
    vault.set('iris-primary-key', key)
    const { output } = await readInAzure(test, vault, vault.token)
    assert.match(output, /azure:.*info/) // the logs are on
    for (const secret of [key, vault.token, identityHeader]) assert.ok(!output.includes(secret), output)

    const refused = 'token-that-the-vault-refuses'
    for (const fault of [
      undefined,
      { kind: 'reset' },
      { kind: 'unavailable' },
      { kind: 'garbage', body: key },
    ] as const) {
      vault.fail(fault)
      const failed = await readInAzure(test, vault, refused)
      assert.match(failed.output, /the vault my-vault\.vault\.azure\.net did not return/)
      for (const secret of [key, refused, identityHeader]) assert.ok(!failed.output.includes(secret), failed.output)
    }
  })

  it('holds the SDK of vaults, another that of identities, and the bundle that every start reads neither', async () => {
    const started = await readFile('dist/app.cjs', 'utf8')
    for (const [bundle, sdk] of [
      ['key-vault', /keyVaultAuthenticationPolicy/],
      ['identity', /IDENTITY_ENDPOINT/],
    ] as const) {
      assert.match(await readFile(`dist/${bundle}.cjs`, 'utf8'), sdk)
      assert.doesNotMatch(started, sdk)
    }
  })
})
