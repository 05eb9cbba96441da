import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readOwnStorage } from '../../../src/adapters/azure/storage-address.ts'
import { checkConnectionString } from '../../../src/protocols/encrypted/connection-string.ts'

const azurite = 'http://127.0.0.1:10000/devstoreaccount1'
const emulator = readOwnStorage({ connectionString: 'UseDevelopmentStorage=true', isDevelopment: true })
const account = readOwnStorage({ accountName: 'mine', isDevelopment: false })
const byKey = readOwnStorage({
  connectionString: 'DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=c2VjcmV0',
  isDevelopment: false,
})
const own = { emulator, account, byKey }

describe('checkConnectionString', () => {
  it.each<[keyof typeof own, string]>([
    ['emulator', 'UseDevelopmentStorage=true'],
    ['emulator', `AccountName=devstoreaccount1;AccountKey=YQ==;BlobEndpoint=${azurite};`],
    ['emulator', 'AccountName=devstoreaccount1;BlobEndpoint=http://localhost:10000/devstoreaccount1'],
    ['account', 'DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=b3RoZXI=;EndpointSuffix=core.windows.net'],
    ['byKey', 'AccountName=mine;AccountKey=b3RoZXI=;BlobEndpoint=https://mine.blob.core.windows.net/'],
  ])('takes one of the own storage: %s, %s', (name, text) => {
    checkConnectionString(text, own[name])
  })

  it.each<[keyof typeof own, string]>([
    ['emulator', `AccountName=other;BlobEndpoint=${azurite}`],
    ['emulator', 'AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:10001/devstoreaccount1'],
    ['account', 'AccountName=theirs;AccountKey=YQ=='],
    ['account', 'AccountName=mine;EndpointSuffix=core.chinacloudapi.cn'],
    ['account', 'AccountName=mine;BlobEndpoint=https://mine.blob.core.windows.net.evil.example/'],
    ['account', 'AccountName=mine;BlobEndpoint=https://mine.blob.core.windows.net@evil.example/'],
    ['account', 'AccountName=mine;BlobEndpoint=nonsense'],
    ['byKey', 'UseDevelopmentStorage=true'],
  ])('refuses one of another storage, without repeating it: %s, %s', (name, text) => {
    assert.throws(() => checkConnectionString(text, own[name]), {
      code: 'INPUT_INVALID',
      message: 'conn_str: it names another storage account than that of this app; leave it out.',
    })
  })

  it('refuses all where the app has no storage', () => {
    assert.throws(() => checkConnectionString('AccountName=mine', undefined), { code: 'INPUT_INVALID' })
  })
})
