/**
 * Copies bytes as fast as the machine does. V8 copies from and to shared memory word by word, which takes three times as long.
 *
 * @param offset  where they begin in the target
 */
export function copyBytes(source: Uint8Array, target: Uint8Array, offset = 0): void {
  const last = source.length - 1
  if (last < 0 || !(isShared(source) || isShared(target))) return target.set(source, offset)
  // Node.js leaves a whole view to V8, and copies a part of one itself.
  Buffer.prototype.copy.call(source, target, offset, 0, last)
  target[offset + last] = source[last] as number
}

function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer
}
