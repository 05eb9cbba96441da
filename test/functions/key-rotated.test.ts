import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { noOpenssl } from '../host/certificates.ts'
import { AzureWorker } from '../support/azure-worker.ts'
import { type KeyVaultDouble, startKeyVaultDouble } from '../support/key-vault-double.ts'
import { copyOfApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'

describe('the function key-rotated', skipFor(noOpenssl), () => {
  const worker = new AzureWorker()
  const cleanUps: (() => unknown)[] = []
  let vault: KeyVaultDouble
  beforeAll(async () => {
    const cleaner = { onTestFinished: (cleanUp: unknown) => cleanUps.push(cleanUp as () => unknown) }
    vault = await startKeyVaultDouble(cleaner)
    for (const service of ['diabetes', 'digits', 'iris']) {
      for (const keyType of ['primary', 'secondary'])
        vault.set(`${service}-${keyType}-key`, `${keyType}-${service}`.padEnd(40, '0'))
    }
    Object.assign(process.env, vault.environment, {
      AZURE_FUNCTIONS_ENVIRONMENT: 'Production',
      SCORING_MODELS: 'models',
    })
    await worker.load(await copyOfApp(cleaner))
    while (vault.askedNames.length < 6) await setTimeout(20) // both keys of three services, when the app starts
  })
  afterAll(async () => {
    await worker.runHooks('appTerminate')
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  /** Names that the app asks the vault for after the events, of which the last one is to be heard. */
  const readAfter = async (...events: object[]) => {
    vault.askedNames.length = 0
    for (const each of events) await worker.deliver('key-rotated', each)
    // One that comes while keys are being read is answered by that.
    for (; vault.askedNames.length < 2; await setTimeout(500))
      await worker.deliver('key-rotated', events.at(-1) as object)
    return [...new Set(vault.askedNames)].sort()
  }
  const event = {
    topic: '/subscriptions/0/resourceGroups/a/providers/Microsoft.KeyVault/vaults/localhost',
    eventType: 'Microsoft.KeyVault.SecretNewVersionCreated',
    data: { objectType: 'Secret', objectName: 'iris-primary-key' },
  }

  it('reads the keys of the service again, and of no other', async () => {
    assert.deepEqual(await readAfter(event), ['iris-primary-key', 'iris-secondary-key'])
  })

  it('reads nothing for other events before it', async () => {
    const others = [
      { ...event, topic: event.topic.replace('localhost', 'other') },
      { ...event, eventType: 'Microsoft.KeyVault.SecretNearExpiry' },
      { ...event, data: { objectType: 'Secret', objectName: 'another-secret' } },
      // A caller with the key of the trigger may write anything.
      [event],
      { ...event, topic: `${event.topic}/../other` },
      { ...event, topic: [event.topic] },
      { ...event, data: [event.data] },
      { ...event, data: { objectType: 'Secret', objectName: ['iris-primary-key'] } },
      { ...event, data: { objectType: 'Secret', objectName: `${'x'.repeat(200)}-primary-key` } },
    ]
    assert.deepEqual(await readAfter(...others, event), ['iris-primary-key', 'iris-secondary-key'])
  })
})
