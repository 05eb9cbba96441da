import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { systemClock } from '../../src/adapters/local/system-clock.ts'
import { ServiceKeys } from '../../src/auth/service-keys.ts'
import { noOpenssl } from '../host/certificates.ts'
import { type Fault, startKeyVaultDouble } from '../support/key-vault-double.ts'
import { skipFor } from '../support/skip-for.ts'
import { storeOfDouble } from '../support/store-of-double.ts'

const caller = { clientAddress: () => '203.0.113.7', isDryRun: false }

describe('KeyVaultSecretStore: keys in a vault, read with the real client', skipFor(noOpenssl), () => {
  it('rotate a hundred times under load without a 401, and outlive every kind of outage', async test => {
    const vault = await startKeyVaultDouble(test)
    const current = { primary: 'p'.repeat(40), secondary: 's'.repeat(40) }
    vault.set('iris-primary-key', current.primary)
    vault.set('iris-secondary-key', current.secondary)
    const store = await storeOfDouble(vault)
    const keys = new ServiceKeys(['iris', 'keyless'], { store, clock: systemClock, random: Math.random, log: () => {} })
    test.onTestFinished(() => keys.stop())
    await keys.load()
    const iris = keys.authorizer('iris')
    let isRunning = true
    let requestCount = 0
    const client = async () => {
      while (isRunning) {
        await iris.authorize(`Bearer ${requestCount++ % 2 ? current.primary : current.secondary}`, caller)
        await sleep(1)
      }
    }
    const clients = Promise.all([client(), client(), client(), client()])
    for (let n = 0; n < 100; n++) {
      const keyType = n % 2 ? 'primary' : 'secondary'
      const key = `${keyType}-${n}`.padEnd(40, '.')
      vault.set(`iris-${keyType}-key`, key)
      current[keyType] = key
      await sleep(10)
    }
    await iris.authorize(`Bearer ${current.primary}`, caller) // on a busy machine the last one was not read yet
    const faults: Fault[] = [{ kind: 'hang' }, { kind: 'unavailable' }, { kind: 'reset' }]
    for (const fault of faults) {
      vault.fail(fault)
      keys.keysChanged('iris-primary-key')
      for (let n = 0; n < 100; n++) {
        assert.equal(iris.authorize(`Bearer ${current.primary}`, caller), undefined) // at once, no promise
        await sleep(1)
      }
    }
    isRunning = false
    await clients
    assert.ok(requestCount > 400, `${requestCount}`)
    await assert.rejects(async () => keys.authorizer('keyless').authorize('Bearer x', caller), {
      code: 'KEYS_UNAVAILABLE',
    })
  })
})
