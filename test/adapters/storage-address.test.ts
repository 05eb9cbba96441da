import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { openStorage } from '../../src/adapters/azure/open-storage.ts'
import { readStorageAddress, type StorageSettings } from '../../src/adapters/azure/storage-address.ts'

const key = 'c2VjcmV0LWFjY291bnQta2V5LXNlY3JldC1hY2NvdW50LWtleQ=='
const read = (settings: Partial<StorageSettings>) => readStorageAddress({ isDevelopment: false, ...settings })
const identity = (settings: Partial<StorageSettings>) => {
  const address = read({ accountName: 'mystorage', ...settings })
  assert.ok(address && 'clientId' in address)
  return address
}

describe('readStorageAddress', () => {
  it('is undefined when nothing is set', () => {
    assert.equal(read({}), undefined)
    assert.equal(read({ connectionString: '', clientId: 'x' }), undefined)
    assert.equal(openStorage({ isDevelopment: true }), undefined)
  })

  it('accepts connection strings like the Functions host', async () => {
    for (const connectionString of [
      `DefaultEndpointsProtocol=https;AccountName=mystorage;AccountKey=${key};EndpointSuffix=core.windows.net`,
      `AccountName=mystorage;AccountKey=${key}`,
      `AccountName=a;AccountKey=${key};BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a;`,
      'BlobEndpoint=https://a.blob.core.windows.net;QueueEndpoint=https://a.queue.core.windows.net;SharedAccessSignature=sv=1&sig=a%3D',
      'UseDevelopmentStorage=true',
      ' UseDevelopmentStorage=True; ',
    ]) {
      const open = openStorage({ connectionString, isDevelopment: false })
      assert.deepEqual(Object.keys(await open!()), ['blobs', 'queues'], connectionString)
    }
  })

  it('refuses invalid connection strings, in one line without a key', () => {
    for (const connectionString of [
      key,
      `AccountName=mystorage;AccountKey=${key}!`,
      `AccountKey=${key}`,
      `AccountName=mystorage;AccountKey=${key};BlobEndpoint=mystorage`,
      'BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sig=c2VjcmV0LWFjY291bnQta2V5',
      'UseDevelopmentStorage=false',
      '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/c2VjcmV0LWFjY291bnQta2V5)',
    ]) {
      assert.throws(
        () => read({ connectionString }),
        ({ name, message }) =>
          name === 'StartupError' && /^AzureWebJobsStorage .*$/.test(message) && !message.includes('c2VjcmV0'),
        connectionString,
      )
    }
  })

  it('accepts an account name, or an address for each service', () => {
    const { blobUrl, queueUrl } = identity({})
    assert.equal(blobUrl, 'https://mystorage.blob.core.windows.net')
    assert.equal(queueUrl, 'https://mystorage.queue.core.windows.net')
    const blobServiceUri = 'https://mystorage.blob.core.chinacloudapi.cn'
    const queueServiceUri = 'https://mystorage.queue.core.chinacloudapi.cn'
    const elsewhere = identity({ accountName: undefined, blobServiceUri, queueServiceUri })
    assert.deepEqual([elsewhere.blobUrl, elsewhere.queueUrl], [blobServiceUri, queueServiceUri])
  })

  it('uses the named identity, or in development the signed-in user', () => {
    const who = (settings: Partial<StorageSettings>) => {
      const { clientId, isDevelopment } = identity(settings)
      return [clientId, isDevelopment]
    }
    assert.deepEqual(who({}), [undefined, false])
    assert.deepEqual(who({ clientId: 'a', defaultClientId: 'b', credential: 'managedidentity' }), ['a', false])
    assert.deepEqual(who({ defaultClientId: 'b' }), ['b', false])
    assert.deepEqual(who({ defaultClientId: 'b', credential: 'managedidentity' }), [undefined, false])
    assert.deepEqual(who({ isDevelopment: true }), [undefined, true])
    assert.deepEqual(who({ isDevelopment: true, credential: 'ManagedIdentity' }), [undefined, false])
  })

  it('names the setting that is wrong', () => {
    for (const [setting, wrong] of [
      ['accountName', { accountName: 'My-Storage' }],
      ['credential', { accountName: 'mystorage', credential: 'password' }],
      ['queueServiceUri', { blobServiceUri: 'https://a.blob.core.windows.net' }],
      ['blobServiceUri', { accountName: 'mystorage', blobServiceUri: 'http://a.blob.core.windows.net' }],
      ['blobServiceUri', { accountName: 'mystorage', blobServiceUri: 'https://a.blob.core.windows.net?sig=secret' }],
    ] as const) {
      assert.throws(
        () => read(wrong),
        ({ name, message }) =>
          name === 'StartupError' &&
          message.startsWith(`AzureWebJobsStorage__${setting} `) &&
          !message.includes('secret'),
      )
    }
  })
})
