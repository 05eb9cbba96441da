/** The eight bytes that every PNG begins with (W3C PNG, third edition, section 5.2). */
export const pngSignature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

/** Ancillary chunks that say how pixels look; all others are metadata. */
const pictureChunks = new Set(['tRNS', 'cHRM', 'cICP', 'eXIf', 'gAMA', 'iCCP', 'sBIT', 'sRGB'])

/**
 * Removes the metadata of a PNG. Texts may be compressed, and libvips unpacks them all: a file of 1.5 MB with few pixels
 * made it take gigabytes and seconds.
 *
 * @param bytes  begin with `pngSignature`; the decoder finds what is damaged
 * @returns the bytes themselves when there is nothing to remove
 */
export function withoutTexts(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Uint8Array[] = []
  let keptTo = 0
  const once = new Set<string>()
  for (let at = pngSignature.length; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at) // length, type, data, CRC
    if (end > bytes.length) break
    if (!isOfPicture(bytes.subarray(at + 4, at + 8), once)) {
      kept.push(bytes.subarray(keptTo, at))
      keptTo = end
    }
    at = end
  }
  return keptTo === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(keptTo)])
}

/** Critical chunks have a capital first; of the others none may come twice, and the first one counts (section 5.6). */
function isOfPicture(type: Uint8Array, once: Set<string>): boolean {
  if (((type[0] as number) & 0x20) === 0) return true
  const name = String.fromCharCode(...type)
  if (!pictureChunks.has(name) || once.has(name)) return false
  once.add(name)
  return true
}
