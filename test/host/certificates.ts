import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cleaner } from '../support/cleaner.ts'

/** A self-signed certificate for localhost, a key of another one, and files that are neither. */
export function makeCertificates(test: Cleaner) {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  test.onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 9 }))
  const path = (name: string) => join(folder, name)
  for (const name of ['own', 'other']) {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)],
      ],
      { stdio: 'ignore' },
    )
  }
  writeFileSync(path('no.pem'), 'this is no certificate\n')
  return {
    cert: path('own.pem'),
    key: path('own.key'),
    otherKey: path('other.key'),
    noPem: path('no.pem'),
    absent: path('absent'),
  }
}

/** Why tests with certificates cannot run here, or false. */
export const noOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'openssl is not installed'
  }
})()
