import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { startIdentityEndpoint } from '../support/identity-endpoint.ts'
import { startServiceBus } from '../support/service-bus-double.ts'
import { skipFor } from '../support/skip-for.ts'
import { base64url, SigningKey } from '../support/token-issuer.ts'

const entraKey = new SigningKey('entra')
const tokenFor = (resource: string) => {
  const now = Math.floor(Date.now() / 1000)
  return entraKey.sign({ aud: resource, iat: now, nbf: now - 60, exp: now + 3600, appid: 'our-client' })
}

/** The code of Service Bus in a process of its own, because Node.js reads further certificates only when it starts. */
const useBus = (host: string) => `
  import { HostBus } from './src/host/service-bus/host-bus.ts'
  const bus = await new HostBus({}).open({ host: '${host}', identity: { isManagedIdentity: true, clientId: 'our-client' } })
  const fault = new Promise(onFault =>
    bus.receive('work', {
      maxConcurrentCalls: 1,
      maxLockRenewalMs: 60_000,
      onFault,
      onMessage: async message => {
        await message.complete()
        onFault(message.body.toString())
      },
    }))
  if (process.argv[1] === 'send') {
    const message = { body: Buffer.from('by identity'), contentType: 'text/plain', messageId: '1' }
    await bus.send('work', message)
  }
  console.log(await fault)
  process.exit()`

describe('a namespace of Service Bus, with an identity', () => {
  it('is reached with a token of the managed identity that is named, over TLS', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const bus = await startServiceBus(test, { entra: { signedBy: entraKey, cert, key } })
    const { asked, environment } = await startIdentityEndpoint(test, tokenFor)
    assert.equal(await run(bus.port, { ...environment, NODE_EXTRA_CA_CERTS: cert }, 'send'), 'by identity')
    assert.equal(bus.queue('work').waiting.length, 0)
    assert(asked.length > 0)
    for (const query of asked)
      assert.deepEqual([query.get('client_id'), query.get('resource')], ['our-client', 'https://servicebus.azure.net/'])
  })

  it('gets no token when its certificate is not trusted', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const bus = await startServiceBus(test, { entra: { signedBy: entraKey, cert, key } })
    const { asked, environment } = await startIdentityEndpoint(test, tokenFor)
    assert.match(await run(bus.port, environment), /self-signed certificate/)
    assert.deepEqual(asked, [])
  })

  it('says so when it refuses the token, or when there is none', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const bus = await startServiceBus(test, { entra: { signedBy: entraKey, cert, key } })
    const trust = { NODE_EXTRA_CA_CERTS: cert }
    const forOthers = await startIdentityEndpoint(test, () => tokenFor('https://storage.azure.com'))
    const unassigned = await startIdentityEndpoint(test, () => undefined)
    const [refused, missing] = await Promise.all([
      run(bus.port, { ...trust, ...forOthers.environment }),
      run(bus.port, { ...trust, ...unassigned.environment }),
    ])
    assert.match(refused, /^Unauthorized/)
    assert.doesNotMatch(refused, new RegExp(base64url({ typ: 'JWT' }).slice(0, 10)))
    assert.match(missing, /Managed Identity/)
  })
})

/** @returns what the process has received, or the first fault */
async function run(port: number, environment: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', useBus(`localhost:${port}`), ...args],
    { env: { ...process.env, ...environment } },
  )
  return stdout.trim()
}
