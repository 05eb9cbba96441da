import { crc32, deflateSync } from 'node:zlib'

/** A PNG of 8-bit grey pixels, written by the specification (W3C PNG, third edition) without any image library. */
export function greyPng(rows: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  return pngOf(rows[0]?.length ?? 0, rows.length, deflateSync(Buffer.concat(rows.map(row => Buffer.from([0, ...row])))))
}

/**
 * A PNG whose header says what it likes.
 *
 * @param more  chunks between header and data
 */
export function pngOf(
  width: number,
  height: number,
  data: Uint8Array,
  more: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8 // bits; colour type 0: grey
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const chunks = [chunk('IHDR', header), ...more, chunk('IDAT', data), chunk('IEND', new Uint8Array(0))]
  return new Uint8Array(Buffer.concat([signature, ...chunks]))
}

export function chunk(kind: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind), content])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(content.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}
