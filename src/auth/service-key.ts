import { hash } from 'node:crypto'
import type { Secret } from './secret-store.ts'

/** A key as it is kept: nobody can read it back. */
export interface ServiceKey {
  /** SHA-256, 32 bytes. */
  readonly digest: Buffer
  /** Milliseconds since 1970; undefined: no such limit. */
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
}

/** Why a secret is no key. */
export interface KeyFault {
  /** Completes the sentence "secret iris-primary-key …"; never holds the value. */
  readonly fault: string
  /** Somebody wrote a value that cannot be a key; a secret that is merely not there may be meant. */
  readonly isMistake: boolean
}

/** Azure ML's keys have 32 characters, the shortest that are taken. */
export const minKeyLength = 32

/** What a client can send after `Bearer ` (RFC 6750, section 2.1). */
const b64token = /^[A-Za-z0-9\-._~+/]+=*$/

export function digestKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

/** Why a text can be no key; completes the sentence "the key …", and never repeats the text. */
export function findKeyFault(value: string): string | undefined {
  if (value === '') return 'is empty'
  // What App Service leaves in place of a reference that it could not resolve.
  if (/^\s*@Microsoft\.KeyVault\(/i.test(value)) return 'is a reference nobody resolved'
  if (value.length < minKeyLength) return `is shorter than ${minKeyLength} characters`
  if (!b64token.test(value)) return 'has characters that no Authorization header carries (a line end, perhaps)'
  return undefined
}

/** The key that a secret holds. Whether it counts now is asked when it is used: clocks go on. */
export function readKey(secret: Secret | undefined): ServiceKey | KeyFault {
  if (secret === undefined) return { fault: 'is absent or disabled', isMistake: false }
  const { value, isEnabled, notBefore, expiresAt } = secret
  if (!isEnabled) return { fault: 'is disabled', isMistake: false }
  const fault = findKeyFault(value)
  if (fault !== undefined) return { fault, isMistake: true }
  return { digest: digestKey(value), notBefore, expiresAt }
}

/** @param now  milliseconds since 1970; a key counts from `notBefore` on, and no longer at `expiresAt` */
export function checkValidity(key: ServiceKey, now: number): 'valid' | 'not yet valid' | 'expired' {
  if (key.expiresAt !== undefined && now >= key.expiresAt) return 'expired'
  return key.notBefore !== undefined && now < key.notBefore ? 'not yet valid' : 'valid'
}

/**
 * A new key: 256 bits, with a prefix that secret scanners and people recognise.
 *
 * @param randomBytes  cryptographically strong, e.g. `node:crypto`'s
 */
export function makeKey(randomBytes: (count: number) => Uint8Array): string {
  return `sfkey_${Buffer.from(randomBytes(32)).toString('base64url')}`
}
