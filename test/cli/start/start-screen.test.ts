import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { ServiceStates } from '../../../src/cli/start/readiness.ts'
import { describeStart, listRepeatedLines, type StartFacts } from '../../../src/cli/start/start-screen.ts'
import type { Terminal } from '../../../src/cli/terminal.ts'

const plain = (width: number): Terminal => ({ width, paint: (_, text) => text })
const key = `sfkey_${'x'.repeat(43)}`

const facts = (services: ServiceStates): StartFacts => ({
  version: '0.1.0',
  url: 'http://localhost:7071',
  services,
  localKeys: new Map(Object.keys(services).map(name => [name, key])),
  storage: '.local/azurite (connection string UseDevelopmentStorage=true)',
  isWatching: true,
  isDevelopment: true,
  request: { service: 'iris', isScored: true, curl: 'curl …' },
})

describe('describeStart', () => {
  it('shows services with version, state, page and key, storage, and a request', () => {
    const services: ServiceStates = {
      diabetes: { status: 'ready', version: '1', availableVersions: ['1', '2'], auth: 'key' },
      iris: { status: 'loading', auth: 'key', triggers: ['queue in -> out'] },
    }
    assert.equal(
      describeStart(facts(services), plain(80)),
      `Scoring Functions 0.1.0 on http://localhost:7071

  diabetes  v1  ready    http://localhost:7071/api/v1/service/diabetes/docs
                         key ${key}
                         version 2 is there and not served
  iris          loading  http://localhost:7071/api/v1/service/iris/docs
                         key ${key}
                         queue in -> out

Storage: .local/azurite (connection string UseDevelopmentStorage=true)
Changed services are loaded again at once. Ctrl+C stops.

Score iris:
curl …`,
    )
  })

  it('says where other machines reach the services, if they do', () => {
    const open = { ...facts({}), otherMachinesUrl: 'http://workstation:7071' }
    assert.deepEqual(describeStart(open, plain(80)).split('\n').slice(0, 3), [
      'Scoring Functions 0.1.0 on http://localhost:7071',
      'Other machines reach it on http://workstation:7071',
      '',
    ])
  })

  it('says which second port takes the same', () => {
    const [first] = describeStart({ ...facts({}), grpcPort: 50051 }, plain(80)).split('\n')
    assert.equal(first, 'Scoring Functions 0.1.0 on http://localhost:7071, and on port 50051')
  })

  it('says how a service is called without a local key', () => {
    const services: ServiceStates = {
      open: { status: 'ready', auth: 'none' },
      token: { status: 'ready', auth: 'token' },
      vault: { status: 'ready', auth: 'key' },
    }
    const lines = describeStart({ ...facts(services), localKeys: undefined }, plain(80)).split('\n')
    assert.deepEqual(
      [lines[3], lines[5], lines[7]].map(line => line?.trim()),
      ['public: no key is needed', 'access token of Microsoft Entra ID', 'key: secret vault-primary-key in the vault'],
    )
  })

  it('shows the reason of a failure in one line of a terminal, and as a whole in a pipe', () => {
    const reason = 'models/churn/service.json: batching: unrecognized key "maxDelay"; there are maxRows and maxDelayMs'
    const services: ServiceStates = { churn: { status: 'failed', version: '1', reason } }
    const [, , line = ''] = describeStart(facts(services), plain(80)).split('\n')
    assert.equal(line, `  churn  v1  failed  ${reason.slice(0, 58)}…`)
    assert.equal(line.length, 80)
    const [, , whole] = describeStart(facts(services), plain(Number.POSITIVE_INFINITY)).split('\n')
    assert.equal(whole, `  churn  v1  failed  ${reason}`)
  })

  it('puts what does not fit beside a long name below it', () => {
    const services: ServiceStates = { 'customer-churn-next-month': { status: 'ready', version: '12', auth: 'key' } }
    assert.deepEqual(describeStart(facts(services), plain(80)).split('\n').slice(2, 5), [
      '  customer-churn-next-month  v12  ready',
      '    http://localhost:7071/api/v1/service/customer-churn-next-month/docs',
      `    key ${key}`,
    ])
  })

  it('counts services beyond the sixth, and shows those with a problem first', () => {
    const names = Array.from({ length: 100 }, (_, index) => `service-${String(index).padStart(2, '0')}`)
    const services = Object.fromEntries(names.map(name => [name, { status: 'ready' as const }]))
    const screen = describeStart(facts({ ...services, 'service-70': { status: 'failed', reason: 'why' } }), plain(80))
    assert.match(screen, /^ {2}service-70 +failed +why$/m)
    assert.match(screen, /^ {2}… and 94 more \(1 of all have failed\): http:\/\/localhost:7071\/docs$/m)
    assert.ok(screen.split('\n').length <= 24)
  })

  it('says that services are not listed outside Development', () => {
    const hidden = { ...facts({}), isDevelopment: false }
    assert.match(describeStart(hidden, plain(80)), /^\/health\/ready lists services in Development only\.$/m)
    assert.match(describeStart(facts({}), plain(80)), /^No service yet\. One that is deployed, or made with/m)
  })
})

describe('listRepeatedLines', () => {
  const services: ServiceStates = {
    iris: { status: 'ready', notes: ['micro-batching is off: why'] },
    churn: { status: 'failed', reason: 'no model' },
    wine: { status: 'failed', reason: 'long '.repeat(30) },
  }

  it('has how services loaded, but no reason that the screen cuts, and nothing about one that still loads', () => {
    assert.deepEqual(listRepeatedLines(facts({ ...services, slow: { status: 'loading' } }), plain(80)), [
      '[iris] ready after ',
      '[iris] micro-batching is off: why',
      '[churn] not available: ',
    ])
    const names = Array.from({ length: 9 }, (_, index) => `ready-${index}`)
    const many = Object.fromEntries(names.map(name => [name, { status: 'ready' as const }]))
    assert.deepEqual(
      listRepeatedLines(facts(many), plain(80)),
      names.map(name => `[${name}] ready after `),
    )
  })
})
