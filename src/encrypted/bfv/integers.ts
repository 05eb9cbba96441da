import type { Kernel } from '../kernel.ts'
import { prime } from './layout.ts'

/** What `dot` wrote. */
export function readDot(kernel: Kernel, at: number): bigint {
  const [low, high] = kernel.words(at, 2)
  return BigInt.asIntN(64, low as bigint) + (BigInt.asIntN(64, high as bigint) << 27n)
}

export function modulo(value: bigint): bigint {
  const remainder = value % prime.q
  return remainder < 0n ? remainder + prime.q : remainder
}

/** value * q / 2^plainBits, rounded to the nearest: how BFV puts a message above the noise. */
export function scaleUp(value: bigint, plainBits: number): bigint {
  const bits = BigInt(plainBits)
  return modulo((prime.q * value + (1n << (bits - 1n))) >> bits)
}

/** The message of a coefficient: value * 2^plainBits / q, rounded to the nearest, of which the upper half stands for negative numbers. */
export function scaleDown(value: bigint, plainBits: number): bigint {
  const rounded = ((value << BigInt(plainBits + 1)) + prime.q) / (2n * prime.q)
  return BigInt.asIntN(plainBits, rounded)
}
