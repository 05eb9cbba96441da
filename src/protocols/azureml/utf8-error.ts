/**
 * Where and why bytes are not UTF-8, worded as CPython's decoder does:
 * `'utf-8' codec can't decode byte 0xff in position 0: invalid start byte`.
 */
export function findUtf8Error(bytes: Uint8Array): string {
  let position = 0
  while (position < bytes.length) {
    const lead = bytes[position] as number
    if (lead < 0x80) {
      position++
      continue
    }
    const length =
      lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0
    if (length === 0) return describe(lead, position, 'invalid start byte')
    for (let offset = 1; offset < length; offset++) {
      const next = bytes[position + offset]
      if (next === undefined) {
        const last = bytes.length - 1
        return position === last
          ? describe(lead, position, 'unexpected end of data')
          : `'utf-8' codec can't decode bytes in position ${position}-${last}: unexpected end of data`
      }
      if (!continues(lead, offset, next)) {
        return offset === 1
          ? describe(lead, position, 'invalid continuation byte')
          : `'utf-8' codec can't decode bytes in position ${position}-${position + offset - 1}: invalid continuation byte`
      }
    }
    position += length
  }
  return "'utf-8' codec can't decode the body"
}

/** Unicode 16, table 3-7: the second byte is narrower after E0, ED, F0 and F4. */
function continues(lead: number, offset: number, next: number): boolean {
  if (offset === 1) {
    if (lead === 0xe0) return next >= 0xa0 && next <= 0xbf
    if (lead === 0xed) return next >= 0x80 && next <= 0x9f
    if (lead === 0xf0) return next >= 0x90 && next <= 0xbf
    if (lead === 0xf4) return next >= 0x80 && next <= 0x8f
  }
  return next >= 0x80 && next <= 0xbf
}

function describe(byte: number, position: number, reason: string): string {
  return `'utf-8' codec can't decode byte 0x${byte.toString(16).padStart(2, '0')} in position ${position}: ${reason}`
}
