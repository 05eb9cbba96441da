/** First bytes of files by media type; a space stands for any byte. */
const signatures: readonly (readonly [mediaType: string, beginning: string])[] = [
  ['image/png', '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF87a'],
  ['image/gif', 'GIF89a'],
  ['image/webp', 'RIFF    WEBP'],
  ['image/bmp', 'BM'],
  ['image/tiff', 'II*\0'],
  ['image/tiff', 'MM\0*'],
  ['audio/wav', 'RIFF    WAVE'],
]

/** Of a file whose first bytes tell nothing. */
export const unknownMediaType = 'application/octet-stream'

/** What a file is, by its first bytes (WHATWG MIME Sniffing, 6.1 and 6.2); `unknownMediaType` where they do not tell. */
export function sniffMediaType(file: Uint8Array): string {
  const begins = (beginning: string) =>
    [...beginning].every((char, index) => char === ' ' || file[index] === char.charCodeAt(0))
  return signatures.find(([, beginning]) => begins(beginning))?.[0] ?? unknownMediaType
}
