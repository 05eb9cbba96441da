import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { openKeyVault } from '../../src/adapters/azure/open-key-vault.ts'
import { parseVaultUrl } from '../../src/adapters/azure/vault-url.ts'

const inAzure = [
  'https://my-vault.vault.azure.net',
  'https://my-vault.vault.azure.net/',
  'https://My-Vault.Vault.Azure.Net',
  'https://abc.vault.azure.cn',
  'https://a23456789012345678901234.vault.usgovcloudapi.net',
  'https://my-vault.vault.sovcloud-api.fr',
]

/** Names of this machine, and what other programs take for one. */
const loopback = ['https://localhost:8443', 'https://localhost', 'https://127.0.0.1:8443/', 'https://[::1]:8443']

const neither = [
  ...['', 'my-vault', 'my-vault.vault.azure.net', 'http://my-vault.vault.azure.net', 'HTTPS//my-vault.vault.azure.net'],
  ...[
    'https://vault.azure.net',
    'https://.vault.azure.net',
    'https://ab.vault.azure.net',
    'https://a.b.vault.azure.net',
  ],
  ...['https://-abc.vault.azure.net', 'https://abc-.vault.azure.net', 'https://a--bc.vault.azure.net'],
  ...['https://1abc.vault.azure.net', 'https://a234567890123456789012345.vault.azure.net'],
  ...[
    'https://my-vault.vault.azure.net:8443',
    'https://my-vault.vault.azure.net.',
    'https://my-vault.vault.azure.net.evil.com',
  ],
  ...[
    'https://my-vault.vault.azure.net/secrets',
    'https://my-vault.vault.azure.net?a',
    'https://my-vault.vault.azure.net#a',
  ],
  ...['https://user:hunter2@my-vault.vault.azure.net', 'https://my-vault.vault.azure.net@evil.com'],
  ...['https://evil.com/.vault.azure.net', 'https://evil.com\\.vault.azure.net', 'https://evil.com#.vault.azure.net'],
  ...['https://my-vaultXvault.azure.net', 'https://my-vault.managedhsm.azure.net', ' https://my-vault.vault.azure.net'],
  ...[
    'https://my-vault.vault.azure.net\n',
    'https://my-vault.vault.azure.net\n.evil.com',
    'https://my‐vault.vault.azure.net',
  ],
  ...['@Microsoft.KeyVault(SecretUri=https://my-vault.vault.azure.net/secrets/url)'],
  // Would lead to this machine, or seem to, and are no plain name of it.
  ...['http://localhost:8443', 'https://localhost.evil.com', 'https://127.0.0.1.nip.io', 'https://localhost@evil.com'],
  ...['http://localhost@evil', 'https://localhost:8443@evil.com', 'https://localhost\\@evil.com', 'https://localhost:'],
  ...['https://localhost.', 'https://2130706433', 'https://0x7f000001', 'https://0177.0.0.1', 'https://127.1'],
  ...[
    'https://127.0.0.2',
    'https://0.0.0.0',
    'https://[::]',
    'https://[::ffff:127.0.0.1]',
    'https://[0:0:0:0:0:0:0:1]',
  ],
  ...['https://[::1%25lo]', 'https://::1', 'https://localhost/path', 'https://localhost:8443?a', 'https://ｌocalhost'],
  ...[
    'https://my.localhost',
    'https://%6cocalhost',
    'https://localhost:123456',
    'https://localhost:-1',
    'https://localhost:65536',
  ],
]

describe('parseVaultUrl', () => {
  for (const text of inAzure) {
    it(`takes ${text} for a vault in Azure`, () => {
      const { url, host, isLoopback } = parseVaultUrl(text)
      assert.equal(isLoopback, false)
      assert.equal(url, `https://${host}`)
      assert.equal(`${url}/`, new URL(text).href)
    })
  }

  for (const text of loopback) {
    it(`takes ${text} for a stand-in on this machine`, () => {
      const { url, isLoopback } = parseVaultUrl(text)
      assert.equal(isLoopback, true)
      assert.equal(new URL(url).href, new URL(text).href)
    })
  }

  for (const text of neither) {
    it(`refuses ${JSON.stringify(text)}, and does not repeat it`, () => {
      assert.throws(
        () => parseVaultUrl(text),
        (error: Error) =>
          error.name === 'StartupError' &&
          /^KEY_VAULT_URL must be/.test(error.message) &&
          !/hunter2|evil/.test(error.message),
      )
    })
  }
})

describe('parseVaultUrl, of whatever is put together from parts of addresses', () => {
  const parts = [
    'https://',
    'http:',
    '//',
    'localhost',
    '127.0.0.1',
    '[::1]',
    '.',
    ':',
    '@',
    '/',
    '\\',
    '?',
    '#',
    '%',
    '\t',
  ]
  const part = fc.oneof(
    fc.constantFrom(...parts, 'my-vault', 'vault.azure.net', 'evil.com', ':8443', '2130706433', '%2e'),
    fc.string({ maxLength: 3 }),
  )
  const text = fc.array(part, { maxLength: 6 }).map(chosen => `https://${chosen.join('')}`)

  it('takes only what a URL parser reads the same way', () => {
    fc.assert(
      fc.property(text, given => {
        let taken: ReturnType<typeof parseVaultUrl>
        try {
          taken = parseVaultUrl(given)
        } catch (error) {
          return (error as Error).name === 'StartupError'
        }
        const { host, hostname, href, username, pathname } = new URL(given)
        assert.deepEqual([username, pathname, href], ['', '/', `https://${host}/`])
        const isAzure = hostname.endsWith('.vault.azure.net')
        const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
        return taken.isLoopback === isLoopback && isAzure !== isLoopback
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('what relaxes the client', () => {
  const open = (url: string, settings: { testCaFile?: string; testToken?: string }) =>
    openKeyVault({ url, isDevelopment: true, ...settings })

  it('is refused for every vault that is not on this machine', async () => {
    for (const url of inAzure) {
      for (const settings of [
        { testCaFile: 'ca.pem' },
        { testToken: 'token' },
        { testCaFile: 'ca.pem', testToken: 'token' },
      ]) {
        await assert.rejects(open(url, settings), {
          name: 'StartupError',
          message: /^SCORING_KEY_VAULT_TEST_CA and SCORING_KEY_VAULT_TEST_TOKEN .*KEY_VAULT_URL.*: remove them$/,
        })
      }
    }
    for (const url of neither) {
      await assert.rejects(open(url, { testCaFile: 'ca.pem', testToken: 'token' }), { name: 'StartupError' })
    }
  })

  it('is needed whole for a stand-in on this machine, so that no token of Azure gets there', async () => {
    for (const settings of [
      {},
      { testCaFile: 'ca.pem' },
      { testToken: 'token' },
      { testCaFile: 'ca.pem', testToken: '' },
    ]) {
      await assert.rejects(open('https://localhost:8443', settings), { name: 'StartupError', message: /KEY_VAULT_URL/ })
    }
  })

  it('names a certificate that cannot be read', async test => {
    const folder = mkdtempSync(join(tmpdir(), 'ca-'))
    test.onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 9 }))
    const absent = join(folder, 'absent.pem')
    const noCertificate = join(folder, 'no.pem')
    writeFileSync(noCertificate, 'this is no certificate\n')
    for (const testCaFile of [absent, noCertificate]) {
      await assert.rejects(open('https://localhost:8443', { testCaFile, testToken: 'token' }), {
        name: 'StartupError',
        message: /^SCORING_KEY_VAULT_TEST_CA /,
      })
    }
  })
})
