import { hash } from 'node:crypto'
import type { Secret } from './secret-store.ts'

/** A cached key. Only its digest is stored, from which the key cannot be recovered. */
export interface ServiceKey {
  readonly kind: 'key'
  /** SHA-256, 32 bytes. */
  readonly digest: Buffer
  /** Milliseconds since 1970; undefined: no such limit. */
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
}

/** The reason why a secret is not a key. */
export interface KeyFault {
  readonly kind: 'fault'
  /** Completes the sentence "secret iris-primary-key …"; never holds the value. */
  readonly fault: string
  /** Whether the value needs fixing: it cannot be a key, while an absent secret may be intended. */
  readonly isMistake: boolean
}

/** Azure ML's keys have 32 characters; shorter ones are rejected. */
export const minKeyLength = 32

/** Characters that a client can send after `Bearer ` (RFC 6750, section 2.1). */
const b64token = /^[A-Za-z0-9\-._~+/]+=*$/

export function digestKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

/** Says why a text cannot be a key; completes the sentence "the key …" and never repeats the text. */
export function findKeyFault(value: string): string | undefined {
  if (value === '') return 'is empty'
  // App Service leaves the reference itself when it could not resolve it.
  if (/^\s*@Microsoft\.KeyVault\(/i.test(value)) return 'is an unresolved Key Vault reference'
  if (value.length < minKeyLength) return `has fewer than ${minKeyLength} characters`
  if (!b64token.test(value)) return 'has characters that an Authorization header cannot carry (a line break, perhaps)'
  return undefined
}

/** Reads the key from a secret. Its dates are checked on use, because time goes on. */
export function readKey(secret: Secret | undefined): ServiceKey | KeyFault {
  if (secret === undefined) return { kind: 'fault', fault: 'is absent or disabled', isMistake: false }
  const { value, isEnabled, notBefore, expiresAt } = secret
  if (!isEnabled) return { kind: 'fault', fault: 'is disabled', isMistake: false }
  const fault = findKeyFault(value)
  if (fault !== undefined) return { kind: 'fault', fault, isMistake: true }
  return { kind: 'key', digest: digestKey(value), notBefore, expiresAt }
}

/** @param now  milliseconds since 1970; a key is valid from `notBefore` on, and no longer at `expiresAt` */
export function checkValidity(key: ServiceKey, now: number): 'valid' | 'not yet valid' | 'expired' {
  if (key.expiresAt !== undefined && now >= key.expiresAt) return 'expired'
  return key.notBefore !== undefined && now < key.notBefore ? 'not yet valid' : 'valid'
}

/**
 * Makes a new key: 256 bits, with a prefix that secret scanners and people recognise.
 *
 * @param randomBytes  cryptographically strong, e.g. `node:crypto`'s
 */
export function makeKey(randomBytes: (count: number) => Uint8Array): string {
  return `sfkey_${Buffer.from(randomBytes(32)).toString('base64url')}`
}
