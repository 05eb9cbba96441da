import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { allowedUrl } from '../../../src/jobs/requests/allowed-url.ts'

const hosts = ['Ours.blob.core.windows.net', '10.0.0.1']

describe('allowedUrl', () => {
  it('splits the signature off', () => {
    assert.deepEqual(allowedUrl('https://ours.blob.core.windows.net/in/a%20b.csv?sv=1&sig=x%2By#f', hosts), {
      bareUrl: 'https://ours.blob.core.windows.net/in/a%20b.csv',
      signature: '?sv=1&sig=x%2By',
    })
    assert.equal(allowedUrl('HTTPS://OURS.blob.core.windows.net:443/in/a.csv', hosts).signature, '')
  })

  it('refuses other hosts in every spelling, and never repeats the query', () => {
    const refused = [
      'http://ours.blob.core.windows.net/a?sig=secret',
      'https://theirs.blob.core.windows.net/a?sig=secret',
      'https://blob.core.windows.net/a?sig=secret',
      'https://ours.blob.core.windows.net.evil.example/a?sig=secret',
      'https://ours.blob.core.windows.net@evil.example/a?sig=secret',
      'https://user:pw@ours.blob.core.windows.net/a?sig=secret',
      'https://evil.example\\@ours.blob.core.windows.net/a?sig=secret',
      'https://ours.blob.core.windows.net:8443/a?sig=secret',
      'https://ours.blob.core.windows.net./a?sig=secret',
      'https://10.0.0.1/a?sig=secret',
      'https://167772161/a?sig=secret',
      'https://0x0a.0.0.1/a?sig=secret',
      'https://[::ffff:10.0.0.1]/a?sig=secret',
      'ftp://ours.blob.core.windows.net/a?sig=secret',
      'file:///etc/passwd?sig=secret',
      'not a url?sig=secret',
    ]
    for (const url of refused) {
      assert.throws(
        () => allowedUrl(url, hosts),
        (error: Error & { code: string }) =>
          error.code === 'JOB_INPUT_NOT_ALLOWED' && /^input\.url /.test(error.message) && !/secret/.test(error.message),
        url,
      )
    }
  })

  it('treats a wildcard as a name that no host has', () => {
    assert.throws(() => allowedUrl('https://a.blob.core.windows.net/a', ['*.blob.core.windows.net']), {
      code: 'JOB_INPUT_NOT_ALLOWED',
    })
  })

  it('names the setting when no host is allowed', () => {
    assert.throws(() => allowedUrl('https://a.example/a', []), { message: /no host .*SCORING_JOB_INPUT_HOSTS/ })
  })
})
