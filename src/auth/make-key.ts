/**
 * A new key: 256 bits, with a prefix that secret scanners and people recognise.
 *
 * @param randomBytes  cryptographically strong, e.g. `node:crypto`'s
 */
export function makeKey(randomBytes: (count: number) => Uint8Array): string {
  return `sfkey_${Buffer.from(randomBytes(32)).toString('base64url')}`
}
