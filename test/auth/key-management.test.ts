import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it, type TestContext } from 'vitest'
import { KeyManagement } from '../../src/auth/key-management.ts'
import { keySecretName } from '../../src/auth/key-names.ts'
import { makeKey } from '../../src/auth/service-key.ts'
import { noOpenssl } from '../host/certificates.ts'
import { startKeyVaultDouble } from '../support/key-vault-double.ts'
import { skipFor } from '../support/skip-for.ts'
import { storeOfDouble } from '../support/store-of-double.ts'

const primary = 'primary-key-of-iris-0123456789-abcdef'
const secondary = 'secondary-key-of-iris-0123456789-abcd'
const signal = () => AbortSignal.timeout(100_000)

async function managed(test: TestContext) {
  const vault = await startKeyVaultDouble(test)
  vault.set('iris-primary-key', primary)
  vault.set('iris-secondary-key', secondary)
  const store = await storeOfDouble(vault)
  return { vault, keys: new KeyManagement(store, randomBytes) }
}

describe('KeyManagement', skipFor(noOpenssl), () => {
  it('lists the newest version of both keys', async test => {
    const { vault, keys } = await managed(test)
    const version = vault.set('iris-primary-key', `${primary}-2`, { expiresAt: Date.UTC(2030, 0, 1) })
    const listed = await keys.listKeys('iris', signal())
    assert.deepEqual(listed.primary, {
      value: `${primary}-2`,
      version,
      isEnabled: true,
      notBefore: undefined,
      expiresAt: Date.UTC(2030, 0, 1),
    })
    assert.equal(listed.secondary?.value, secondary)
  })

  it('lists a missing key as undefined', async test => {
    const { vault, keys } = await managed(test)
    vault.remove('iris-secondary-key')
    assert.equal((await keys.listKeys('iris', signal())).secondary, undefined)
  })

  it.for([
    ['primary', 'iris-primary-key', 'iris-secondary-key'],
    ['Secondary', 'iris-secondary-key', 'iris-primary-key'],
  ] as const)('replaces the %s key by a random one and keeps the other', async ([type, changed, other], test) => {
    const { vault, keys } = await managed(test)
    const [untouched] = vault.valuesOf(other)
    const key = await keys.regenKey({ service: 'iris', type }, signal())
    assert.match(key, /^sfkey_[A-Za-z0-9_-]{43}$/) // 32 bytes in base64url
    assert.equal(vault.valuesOf(changed).length, 2)
    assert.equal(vault.valuesOf(changed)[1], key)
    assert.deepEqual(vault.valuesOf(other), [untouched])
  })

  it('makes the keys of a new service', async test => {
    const { vault, keys } = await managed(test)
    await keys.regenKey({ service: 'digits', type: 'primary' }, signal())
    await keys.regenKey({ service: 'digits', type: 'secondary' }, signal())
    assert.notDeepEqual(vault.valuesOf('digits-primary-key'), vault.valuesOf('digits-secondary-key'))
  })

  it('accepts keys of 32 characters, as Azure Machine Learning makes them', async test => {
    const { vault, keys } = await managed(test)
    const value = 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF'
    assert.equal(await keys.regenKey({ service: 'iris', type: 'PRIMARY', value }, signal()), value)
    assert.deepEqual(vault.valuesOf('iris-primary-key'), [primary, value])
  })

  const illegal = [
    ['of 31 characters', 'a'.repeat(31), /fewer than 32 characters/],
    ['of 1025 characters', 'a'.repeat(1025), /more than 1024 characters/],
    ['that is empty', '', /is empty/],
    ['with a space', `${'a'.repeat(32)} b`, /has characters that an Authorization header cannot carry/],
    ['with a line break at its end', `${'a'.repeat(32)}\n`, /has characters that an Authorization header cannot carry/],
    [
      'with "=" inside',
      `${'a'.repeat(16)}=${'a'.repeat(16)}`,
      /has characters that an Authorization header cannot carry/,
    ],
    [
      'with letters that no header can hold',
      'ä'.repeat(32),
      /has characters that an Authorization header cannot carry/,
    ],
    [
      'that is an unresolved reference',
      '@Microsoft.KeyVault(SecretUri=https://a.b/c)',
      /is an unresolved Key Vault reference/,
    ],
    ['that is the other key', secondary, /is its secondary key/],
  ] as const
  it.for(illegal)('refuses a key %s, does not repeat it and writes nothing', async ([, value, message], test) => {
    const { vault, keys } = await managed(test)
    await assert.rejects(
      keys.regenKey({ service: 'iris', type: 'primary', value }, signal()),
      (error: Error) => message.test(error.message) && (value === '' || !error.message.includes(value)),
    )
    assert.deepEqual(vault.valuesOf('iris-primary-key'), [primary])
  })

  it('writes nothing when the other key cannot be read', async test => {
    const { vault, keys } = await managed(test)
    vault.fail({ kind: 'forbidden' })
    await assert.rejects(
      keys.regenKey({ service: 'iris', type: 'primary' }, signal()),
      /iris-secondary-key.*Key Vault Secrets User/,
    )
    assert.deepEqual(vault.valuesOf('iris-primary-key'), [primary])
  })

  it('rejects an invalid service name', async test => {
    const { keys } = await managed(test)
    for (const name of ['', 'ab', 'Iris', '1ris', 'iris-', 'iris/../other', 'iris?x', 'a'.repeat(33), 'iris\n']) {
      await assert.rejects(
        keys.regenKey({ service: name, type: 'primary' }, signal()),
        /is not a valid service name/,
        name,
      )
      await assert.rejects(keys.listKeys(name, signal()), /is not a valid service name/, name)
    }
  })

  it('rejects any key type but primary and secondary', async test => {
    const { keys } = await managed(test)
    await assert.rejects(
      keys.regenKey({ service: 'iris', type: 'tertiary' }, signal()),
      /a primary and a secondary key, not "tertiary"/,
    )
  })
})

describe('keySecretName', () => {
  it('is <service>-<type>-key', () => {
    assert.equal(keySecretName('iris', 'primary'), 'iris-primary-key')
    assert.equal(keySecretName('my-model-2', 'secondary'), 'my-model-2-secondary-key')
  })
})

describe('makeKey', () => {
  it('is the prefix and the 32 bytes in base64url', () => {
    // Example with the characters that differ from base64: RFC 4648, section 5.
    assert.equal(
      makeKey(count => new Uint8Array(count).fill(0xfb)),
      `sfkey_${'-_v7'.repeat(10)}-_s`,
    )
  })
})
