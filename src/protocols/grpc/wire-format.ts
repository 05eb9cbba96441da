/**
 * The wire format of Protocol Buffers for messages of callers: tensors are read in place and written once.
 * (https://protobuf.dev/programming-guides/encoding/)
 *
 * `models/graph/protobuf.ts` reads the same format in files of gigabytes, whose faults are for the owner of a model.
 */

/** How a field is written (Protocol Buffers, "Message Structure"). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const

/** Reads the unsigned number of 64 bits whose varint begins at `start`, and ends within ten bytes. */
export function varintAt(bytes: Uint8Array, start: number): bigint {
  let low = 0
  let at = start
  // Up to 49 bits are exact in a number; a BigInt is made in one step then.
  for (let unit = 1; at < start + 7; unit *= 128) {
    const byte = bytes[at++] as number
    low += (byte & 127) * unit
    if (byte < 128) return BigInt(low)
  }
  let high = 0
  for (let unit = 1; ; unit *= 128) {
    const byte = bytes[at++] as number
    high += (byte & 127) * unit
    if (byte < 128) break
  }
  return BigInt.asUintN(64, BigInt(low) | (BigInt(high) << 49n))
}

export function varintSize(value: number | bigint): number {
  if (typeof value === 'number') return value < 0 ? 10 : lengthSize(value)
  if (value < 0n) return 10
  let size = 1
  for (let rest = value; rest > 0x7fn; rest >>= 7n) size++
  return size
}

/** Bytes of the varint of a whole number from 0 to 2^53. */
export function lengthSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}
