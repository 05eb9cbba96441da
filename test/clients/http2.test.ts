/** Clients of others, each over HTTP/1.1, HTTP/2 and gRPC on one port of the embedded host, in clear text and with TLS. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'
import { type Host, startHost } from '../host/host-child.ts'
import { pythonWith } from '../support/python.ts'
import { skipFor } from '../support/skip-for.ts'
import { run, works } from './tools.ts'

const noCurl = !(await works('curl', '--version')) && 'curl is not installed'
const tool = await pythonWith(join(import.meta.dirname, 'python/http2-requirements.txt'))

describe('one port of the embedded host', skipFor(noOpenssl), () => {
  const cleanUps: (() => unknown)[] = []
  const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  const hosts: { plain?: Host; secure?: Host } = {}
  let certificate: string
  let upload: string
  beforeAll(async () => {
    const { cert, key } = makeCertificates(file)
    certificate = cert
    const folder = await mkdtemp(join(tmpdir(), 'http2-'))
    cleanUps.push(() => rm(folder, { recursive: true, maxRetries: 9 }))
    upload = join(folder, 'upload')
    await writeFile(upload, Buffer.alloc(5_000_000, 'x'))
    hosts.plain = await startHost(file, 'grpc')
    hosts.secure = await startHost(file, 'grpc', { args: ['--cert', cert, '--key', key] })
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  describe.each(['plain', 'secure'] as const)('%s', kind => {
    const curl = async (path: string, ...more: string[]) => {
      const format = '%{http_version} %{http_code} %{size_download}'
      const fixed = [
        '--silent',
        '--show-error',
        '--cacert',
        certificate,
        '--output',
        '/dev/null',
        '--write-out',
        format,
      ]
      const { code, stdout, stderr } = await run('curl', ...fixed, ...more, `${hosts[kind]?.url}${path}`)
      assert.equal(code, 0, stderr)
      return stdout
    }
    // With TLS client and server agree on HTTP/2; in clear text a client has to know, and an upgrade is ignored.
    const versions: readonly (readonly [string, string])[] =
      kind === 'secure'
        ? [
            ['--http1.1', '1.1'],
            ['--http2', '2'],
          ]
        : [
            ['--http1.1', '1.1'],
            ['--http2', '1.1'],
            ['--http2-prior-knowledge', '2'],
          ]

    it.each(versions)('answers curl %s over HTTP/%s', skipFor(noCurl), async (option, version) => {
      assert.equal(await curl('/api/echo', option, '--data', 'abc'), `${version} 200 3`)
      assert.equal(await curl('/api/echo', option, '--data-binary', `@${upload}`), `${version} 200 5000000`)
      assert.equal(await curl('/api/unread', option, '--data-binary', `@${upload}`), `${version} 401 2`)
    })

    it('answers httpx and grpcio', skipFor('missing' in tool && tool.missing), async () => {
      const script = join(import.meta.dirname, 'python/http2.py')
      const trusted = kind === 'secure' ? [certificate] : []
      const python = 'missing' in tool ? 'python3' : tool.python
      const { code, stdout, stderr } = await run(python, script, hosts[kind]?.url ?? '', ...trusted)
      assert.equal(code, 0, stderr)
      assert.deepEqual(JSON.parse(stdout), {
        versions: ['HTTP/2'],
        ends: ['INVALID_ARGUMENT', 'UNIMPLEMENTED', 'DEADLINE_EXCEEDED'],
      })
    })
  })
})
