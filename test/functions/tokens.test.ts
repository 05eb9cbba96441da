import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { Authority, audience, claimsOf, SigningKey, tenantId } from '../support/token-issuer.ts'

const rows = '{"data": [[1, 2]]}'
const key = new SigningKey('first')
const services = {
  'scores/service.json': { auth: { mode: 'token', tenantId, audience }, openapi: { public: false } },
  'scores/1/model.onnx': identityModel('float32'),
  'others/service.json': {
    auth: {
      mode: 'token',
      tenantId: tenantId.toUpperCase(),
      audience: ['api://others', 'others-id'],
      role: 'Read.All',
    },
  },
  'others/1/model.onnx': identityModel('float32'),
}

function ask(app: RunningApp, service: string, token?: string): Promise<Response> {
  const credential: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return fetch(`${app.url}/api/v1/service/${service}/score`, {
    method: 'POST',
    body: rows,
    headers: { 'content-type': 'application/json', ...credential },
  })
}

async function outcomeOf(response: Response): Promise<unknown[]> {
  const { code } = (await response.json()) as { code?: string }
  return [response.status, code, response.headers.get('www-authenticate'), response.headers.get('retry-after')]
}

describe('TokenAuthorizer in the app: a service that takes tokens', () => {
  it('authorizes callers with its role, and tells others what they lack (RFC 6750, section 3)', async test => {
    const authority = await new Authority(key).start(test)
    const app = await runApp(test, services, { AZURE_AUTHORITY_HOST: authority.url })
    await app.settled()
    const claims = claimsOf(authority.url, Date.now())
    const token = key.sign(claims)
    for (let time = 0; time < 2; time++) assert.equal(await (await ask(app, 'scores', token)).text(), '[[1.0, 2.0]]')
    const invalid = [401, 'BEARER_REJECTED', 'Bearer realm="scores", error="invalid_token"', null]
    assert.deepEqual(await outcomeOf(await ask(app, 'scores')), [401, 'BEARER_MISSING', 'Bearer realm="scores"', null])
    assert.deepEqual(await outcomeOf(await ask(app, 'scores', key.sign({ ...claims, exp: 1 }))), invalid)
    assert.deepEqual(await outcomeOf(await ask(app, 'scores', new SigningKey('first').sign(claims))), invalid)
    assert.deepEqual(await outcomeOf(await ask(app, 'scores', 'a'.repeat(20_000))), invalid)
    assert.deepEqual(await outcomeOf(await ask(app, 'scores', key.sign({ ...claims, roles: ['Reader'] }))), [
      403,
      'ROLE_MISSING',
      'Bearer realm="scores", error="insufficient_scope", scope="Score"',
      null,
    ])
    const toOthers = key.sign({ ...claims, aud: 'others-id', roles: undefined, scp: 'Read.All' })
    assert.equal((await ask(app, 'others', toOthers)).status, 200)
    assert.equal((await ask(app, 'scores', toOthers)).status, 401)
    assert.equal((await ask(app, 'others', token)).status, 401)
    assert.equal(authority.fetchCount, 1)

    const document = await fetch(`${app.url}/api/v1/service/scores/swagger.json`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { securityDefinitions, paths } = (await document.json()) as {
      securityDefinitions: { Bearer: { description: string } }
      paths: Record<string, { post: { responses: Record<string, { description: string }> } }>
    }
    assert.match(securityDefinitions.Bearer.description, /Entra ID/)
    const { responses } = paths['/api/v1/service/scores/score']?.post ?? {}
    assert.equal(responses?.[403]?.description, 'Forbidden: ROLE_MISSING')
    for (const secret of [token, toOthers]) assert.ok(!app.output().includes(secret.split('.')[2] as string))
  })

  it('answers 503 while it cannot tell what a token is worth', async test => {
    const authority = await new Authority(key).start(test)
    authority.mode = 500
    const app = await runApp(test, services, { AZURE_AUTHORITY_HOST: authority.url })
    await app.settled()
    const token = key.sign(claimsOf(authority.url, Date.now()))
    assert.deepEqual(await outcomeOf(await ask(app, 'scores', token)), [503, 'TOKEN_KEYS_UNAVAILABLE', null, '1'])
    assert.match(app.output(), /the keys for checking tokens cannot be fetched: .*: status 500/)
    assert.ok(!app.output().includes(token.slice(0, 40)))
  })
})
