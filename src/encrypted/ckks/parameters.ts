/**
 * The fixed parameters of the Python package `encrypted-inference` 0.9, which Azure ML's tutorial of encrypted inference uses:
 * SEAL 3.5, CKKS, 8,192 coefficients, 4,096 slots. Slot j is the value at zeta^(3^j).
 */
import type { Prime } from '../ring.ts'

export const degree = 8192
export const slotCount = degree / 2

/** Of requests, with `middle` and `spare`; the only prime of replies. */
export const main: Prime = { q: 0xffffffffffe8001n, root: 100_406_242_475_323n }
/** Dropped when a product is rescaled. */
export const middle: Prime = { q: 0xfffff4c001n, root: 5_405_730n }
/** Part of requests and keys, and not used. */
export const spare: Prime = { q: 0xfffffdc001n, root: 30_370_987n }
/** For keys only. */
export const special: Prime = { q: 0xfffffffffffc001n, root: 25_959_043_411_404n }

/** The scale of requests. */
export const requestScale = 2 ** 40

/** What SEAL stores as `parms_id`, in hexadecimal digits: a hash of degree and primes. */
export const parameterIds = {
  /** main, middle, spare, special */
  keys: 'e2a8dd3f1586dacfac02a4591f26b3ba536e0b1f60e28faef57f030eab08c5dd',
  /** main, middle, spare */
  request: '0f8bbf7d4509a0123c2bc9d4f3d564630c448ed8cc41a8965894081870675512',
  /** main */
  reply: '7614ee5cda3ff32ab3769decd18ea7e14d7cba11e9de2aed1a5b05f9f449f994',
} as const

/** Clients send keys for these rotations: slot `step` moves to slot 0. */
export const rotationSteps = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] as const
export type RotationStep = (typeof rotationSteps)[number]

/** The exponent of X that rotates by so many slots: 3^step modulo 2n. */
export function galoisElement(step: RotationStep): number {
  let element = 3
  for (let steps = 1; steps < step; steps *= 2) element = (element * element) % (2 * degree)
  return element
}

/** A ciphertext of a request as it comes: 164.8 to 165.0 KiB, which zlib makes of 192. */
export const ciphertextBytes = 168_900

/** The name of a client's public keys: 32 characters of base32, a hash of its secret key. */
export const keyIdPattern = /^[a-z2-7]{32}$/

/** The largest blob of public keys that is read; those of the package have about 9 MB. */
export const maxKeyBytes = 11_000_000
