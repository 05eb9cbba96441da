/** What every vault behind the port does, asked through the real SDK. A second vault is one more entry in `vaults`. */
import assert from 'node:assert/strict'
import { SecretClient } from '@azure/keyvault-secrets'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { loopbackVault } from '../../src/adapters/azure/loopback-vault.ts'
import { openKeyVault } from '../../src/adapters/azure/open-key-vault.ts'
import { parseVaultUrl } from '../../src/adapters/azure/vault-url.ts'
import type { SecretStore } from '../../src/auth/secret-store.ts'
import { noOpenssl } from '../host/certificates.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { startKeyVaultDouble } from '../support/key-vault-double.ts'
import { skipFor } from '../support/skip-for.ts'

interface OpenedVault {
  readonly store: SecretStore
  /** What a person with rights on the vault has. */
  readonly owner: SecretClient
}

const vaults: { name: string; skip: string | false; open(cleaner: Cleaner): Promise<OpenedVault> }[] = [
  {
    name: 'the double',
    skip: noOpenssl,
    async open(cleaner) {
      const { url, environment, token } = await startKeyVaultDouble(cleaner)
      const testCaFile = environment.SCORING_KEY_VAULT_TEST_CA as string
      const settings = { url, isDevelopment: false, testCaFile, testToken: token }
      const relaxed = loopbackVault(parseVaultUrl(url), settings)
      const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 })
      const owner = new SecretClient(url, { getToken }, { ...relaxed?.options, retryOptions: { maxRetries: 0 } })
      return { store: await openKeyVault(settings), owner }
    },
  },
]

for (const vault of vaults) {
  describe(`SecretStore: ${vault.name}`, skipFor(vault.skip), () => {
    const cleanUps: (() => unknown)[] = []
    let store: SecretStore
    let owner: SecretClient
    const read = (name: string) => store.fetchSecret(name, AbortSignal.timeout(100_000))
    const write = (name: string, value: string) => store.writeSecret(name, value, AbortSignal.timeout(100_000))
    beforeAll(async () => {
      const opened = await vault.open({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
      store = opened.store
      owner = opened.owner
    })
    afterAll(async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp()
    })

    it('knows nothing of a secret that was never written', async () => {
      assert.equal(await read('never-written'), undefined)
    })

    it('gives back what was written, enabled and without limits', async () => {
      await write('fresh', 'the value')
      const secret = await read('fresh')
      assert.match(secret?.version ?? '', /^[0-9a-f]{32}$/)
      assert.deepEqual(secret, {
        value: 'the value',
        version: secret?.version,
        isEnabled: true,
        notBefore: undefined,
        expiresAt: undefined,
      })
    })

    it('keeps secrets apart', async () => {
      await write('one-primary-key', 'of one')
      await write('two-primary-key', 'of two')
      assert.equal((await read('one-primary-key'))?.value, 'of one')
      assert.equal((await read('two-primary-key'))?.value, 'of two')
    })

    it.each(['@Microsoft.KeyVault(SecretUri=https://a.vault.azure.net/secrets/b)', ' spaces ', 'schlüssel ☃'])(
      'gives back %j as it is',
      async value => {
        await write('odd', value)
        assert.equal((await read('odd'))?.value, value)
      },
    )

    it('gives the newest of several versions, and keeps the older ones', async () => {
      await write('rotated', 'old')
      const old = await read('rotated')
      await write('rotated', 'new')
      const now = await read('rotated')
      assert.equal(now?.value, 'new')
      assert.notEqual(now?.version, old?.version)
      const versions = []
      for await (const { version } of owner.listPropertiesOfSecretVersions('rotated')) versions.push(version)
      assert.deepEqual(versions.sort(), [old?.version, now?.version].sort())
    })

    it('gives none when the newest version is disabled, even if an older one is not', async () => {
      await write('switched-off', 'old')
      await write('switched-off', 'new')
      const newest = await read('switched-off')
      await owner.updateSecretProperties('switched-off', newest?.version as string, { enabled: false })
      assert.equal(await read('switched-off'), undefined)
    })

    // "exp and nbf are informational": the vault hands these out, and its reader has to look at the limits.
    it('hands out an expired secret and says when it expired', async () => {
      await owner.setSecret('expired', 'past', { expiresOn: new Date('2020-01-02T03:04:05Z') })
      const secret = await read('expired')
      assert.equal(secret?.value, 'past')
      assert.equal(secret?.expiresAt, Date.UTC(2020, 0, 2, 3, 4, 5))
    })

    // A time of this kind is written with 32 bits by the SDK (4.12), so 2038 is the end.
    it('hands out a secret that is not valid yet and says from when on it is', async () => {
      await owner.setSecret('early', 'future', { notBefore: new Date('2037-01-02T03:04:05Z') })
      const secret = await read('early')
      assert.equal(secret?.value, 'future')
      assert.equal(secret?.notBefore, Date.UTC(2037, 0, 2, 3, 4, 5))
    })
  })
}
