import { readFileSync } from 'node:fs'
import { StartupError } from '../../errors.ts'

/** PEM texts. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/**
 * Reads a certificate and its key.
 *
 * @throws StartupError with one line that names the file
 */
export function readCertificate(certPath: string, keyPath: string): Certificate {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  const cert = readPem(certPath, 'certificate')
  const key = readPem(keyPath, 'key')
  try {
    createSecureContext({ cert })
  } catch (cause) {
    throw new StartupError(`certificate ${certPath} is not a PEM certificate`, { cause })
  }
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const isForeign = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' || /mismatch/i.test(message)
    const fault = isForeign
      ? `does not belong to certificate ${certPath}`
      : 'is not a PEM key that can be used without a passphrase'
    throw new StartupError(`key ${keyPath} ${fault}`, { cause })
  }
  return { cert, key }
}

function readPem(path: string, what: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new StartupError(`${what} ${path} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`}`, {
      cause,
    })
  }
  // Node.js takes no certificate for an empty one, and no client could connect.
  if (text.trim() === '') throw new StartupError(`${what} ${path} is empty`)
  return text
}
