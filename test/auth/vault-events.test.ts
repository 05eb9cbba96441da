import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { changedSecret } from '../../src/auth/vault-events.ts'

/** The example of "Azure Key Vault as Event Grid source" (learn.microsoft.com), with names filled in. */
const published = {
  id: '00eccf70-95a7-4e7c-8299-2eb17ee9ad64',
  topic:
    '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/sample-rg/providers/Microsoft.KeyVault/vaults/sample-kv',
  subject: 'newsecret',
  eventType: 'Microsoft.KeyVault.SecretNewVersionCreated',
  eventTime: '2019-07-25T01:08:33.1036736Z',
  data: {
    Id: 'https://sample-kv.vault.azure.net/secrets/newsecret/ee059b2bb5bc48398a53b168c6cdcb10',
    vaultName: 'sample-kv',
    objectType: 'Secret',
    objectName: 'newsecret',
    version: 'ee059b2bb5bc48398a53b168c6cdcb10',
    nbf: '1559081980',
    exp: '1559082102',
  },
  dataVersion: '1',
  metadataVersion: '1',
}
const vaultUrl = 'https://sample-kv.vault.azure.net'

describe('changedSecret', () => {
  it('names the secret of the published example', () => {
    assert.equal(changedSecret(published, vaultUrl), 'newsecret')
  })

  it('names a secret that has expired', () => {
    assert.equal(changedSecret({ ...published, eventType: 'Microsoft.KeyVault.SecretExpired' }, vaultUrl), 'newsecret')
  })

  it('reads names of resources in any case, as Azure does', () => {
    assert.equal(changedSecret({ ...published, topic: published.topic.toUpperCase() }, vaultUrl), 'newsecret')
  })

  it('ignores other events, other vaults and other objects', () => {
    const others = [
      { eventType: 'Microsoft.KeyVault.SecretNearExpiry' },
      { eventType: 'Microsoft.KeyVault.KeyNewVersionCreated' },
      { eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent' },
      { topic: published.topic.replace('sample-kv', 'other-kv') },
      { topic: published.topic.replace('sample-kv', 'my-sample-kv') },
      { topic: 'sample-kv' },
      { data: { ...published.data, objectType: 'Certificate' } },
      { data: { ...published.data, objectName: '../other' } },
      { data: null },
    ]
    for (const other of others) {
      assert.equal(changedSecret({ ...published, ...other }, vaultUrl), undefined, JSON.stringify(other))
    }
  })

  it('ignores anything else', () => {
    fc.assert(fc.property(fc.anything(), event => changedSecret(event, vaultUrl) === undefined))
    const member = fc.constantFrom(...Object.keys(published))
    fc.assert(
      fc.property(member, fc.anything(), (name, value) => {
        const found = changedSecret({ ...published, [name]: value }, vaultUrl)
        return found === undefined || found === 'newsecret'
      }),
    )
  })
})
