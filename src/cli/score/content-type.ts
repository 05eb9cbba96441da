import { isNpy } from '../../tensor/npy-header.ts'

/** The content type of a request body, by its first bytes: JSON unless it is a file of another known kind. */
export function detectContentType(bytes: Buffer): string {
  if (isNpy(bytes)) return 'application/x-npy'
  const found = kinds.find(([mark]) => bytes.subarray(0, mark.length).equals(mark))
  if (found) return found[1]
  return bytes.subarray(0, 1024).includes(0) ? 'application/octet-stream' : 'application/json'
}

const kinds: readonly (readonly [mark: Buffer, contentType: string])[] = [
  [Buffer.from('\x89PNG\r\n', 'latin1'), 'image/png'],
  [Buffer.from('\xff\xd8\xff', 'latin1'), 'image/jpeg'],
]
