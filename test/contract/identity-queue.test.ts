import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import type { IdentityConnection } from '../../src/host/app/binding-settings.ts'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { startIdentityEndpoint } from '../support/identity-endpoint.ts'
import { skipFor } from '../support/skip-for.ts'

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token as Entra ID issues it for storage. Azurite checks all of it but the signature. */
function makeToken(): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/',
    iat: now - 60,
    nbf: now - 60,
    exp: now + 3600,
    ver: '1.0',
  }
  return `${base64({ alg: 'RS256', typ: 'JWT' })}.${base64(claims)}.${Buffer.from('signature').toString('base64url')}`
}

/** The queue's code in a process of its own, because Node.js reads further certificates only when it starts. */
const useQueue = (account: IdentityConnection) => `
  import { openAzureQueue } from './src/host/queue/azure-queue.ts'
  const queue = openAzureQueue(${JSON.stringify(account)}, 'work')
  await queue.send('by identity')
  const [message] = await queue.receive(1, 30_000)
  await queue.delete(message.id, message.popReceipt)
  console.log(message.text)`

describe('openAzureQueue with an identity', () => {
  it('reaches the account with a token of the managed identity that is named', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const { asked, environment } = await startIdentityEndpoint(test, makeToken)

    const azurite = spawn(process.execPath, [
      ...[
        'node_modules/azurite/dist/src/queue/main.js',
        '--queuePort',
        '0',
        '--queueHost',
        '127.0.0.1',
        '--inMemoryPersistence',
      ],
      ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', '--oauth', 'basic', '--cert', cert, '--key', key],
    ])
    test.onTestFinished(() => void azurite.kill())
    let output = ''
    azurite.stdout.on('data', text => {
      output += text
    })
    const port = () => /https:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1]
    while (port() === undefined)
      await Promise.race([once(azurite.stdout, 'data'), once(azurite, 'exit').then(() => assert.fail(output))])

    const account = {
      urls: { queue: `https://127.0.0.1:${port()}/devstoreaccount1` },
      isManagedIdentity: true,
      clientId: 'our-client',
    }
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: cert, ...environment }
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', useQueue(account)],
      { env },
    )
    assert.equal(stdout, 'by identity\n')
    assert.deepEqual(
      [asked[0]?.get('client_id'), asked[0]?.get('resource')],
      ['our-client', 'https://storage.azure.com'],
    )
  })
})
