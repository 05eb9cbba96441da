import assert from 'node:assert/strict'
import { describe, it, test } from 'vitest'
import { readBusAddress, signToken } from '../../src/adapters/azure/service-bus/bus-address.ts'
import { findHostAddress } from '../../src/adapters/functions-worker/settle-message.ts'

const connectionString =
  'Endpoint=sb://orders.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0PT0=;EntityPath=q'

describe('readBusAddress', () => {
  it('reads a connection string, by either name', () => {
    const expected = {
      url: 'https://orders.servicebus.windows.net',
      access: { kind: 'key', keyName: 'send', key: 'c2VjcmV0PT0=' },
    }
    assert.deepEqual(readBusAddress('Orders', { Orders: connectionString }), expected)
    assert.deepEqual(readBusAddress('Orders', { AzureWebJobsOrders: connectionString, Orders: 'other' }), expected)
  })

  it('reads an identity: its own, that of the connection, or that of the app', () => {
    const name = 'AzureWebJobsServiceBus'
    const host = { [`${name}__fullyQualifiedNamespace`]: 'orders.servicebus.windows.net' }
    const clientOf = (more: object) => {
      const { access } = readBusAddress(name, { ...host, ...more })
      return access.kind === 'identity' ? access.clientId : access.kind
    }
    assert.equal(clientOf({}), undefined)
    assert.equal(clientOf({ AZURE_CLIENT_ID: 'app' }), 'app')
    assert.equal(clientOf({ AZURE_CLIENT_ID: 'app', [`${name}__credential`]: 'managedidentity' }), undefined)
    assert.equal(clientOf({ AZURE_CLIENT_ID: 'app', [`${name}__clientId`]: 'own' }), 'own')
  })

  test.each<[environment: Record<string, string>, message: RegExp]>([
    [{}, /^setting AzureWebJobsOrders or Orders is not set, nor Orders__fullyQualifiedNamespace$/],
    [
      { Orders: 'SharedAccessKey=c2VjcmV0' },
      /^setting Orders must be a connection string of Service Bus, with Endpoint/,
    ],
    [{ Orders__fullyQualifiedNamespace: 'https://x/' }, /^setting Orders__fullyQualifiedNamespace must be a host/],
  ])('refuses %j without repeating a key', (environment, message) => {
    assert.throws(
      () => readBusAddress('Orders', environment),
      (error: Error) => message.test(error.message) && !error.message.includes('c2VjcmV0'),
    )
  })
})

describe('signToken', () => {
  it('signs the encoded resource and the time', () => {
    // The value: Python's hmac and base64, over "https%3A%2F%2Fa.example%2Fq\n1700000000".
    assert.equal(
      signToken('https://a.example/q', 'name', 'key', 1_700_000_000),
      `SharedAccessSignature sr=https%3A%2F%2Fa.example%2Fq&sig=${encodeURIComponent('LhHYgPGDYHN7v4YdfWto+sQGLpa2Wa1DJ4VMznx2d4M=')}&se=1700000000&skn=name`,
    )
  })
})

describe('findHostAddress', () => {
  test.each([
    [['--functions-uri', 'http://127.0.0.1:5000/'], 'http://127.0.0.1:5000'],
    [['--host', '127.0.0.1', '--port', '5001', '--workerId', 'x'], 'http://127.0.0.1:5001'],
    [['--host=127.0.0.1', '--port=5002'], 'http://127.0.0.1:5002'],
    [['--port', '5003'], undefined],
  ])('finds %j', (args, address) => {
    assert.equal(findHostAddress(args), address)
  })
})
