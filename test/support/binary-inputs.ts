import { readFileSync } from 'node:fs'

/** What `test/fixtures/binary_inputs.py` wrote with NumPy and Pillow. */
export const binaryInputs = JSON.parse(
  readFileSync(new URL('../fixtures/binary-inputs.json', import.meta.url), 'utf8'),
) as {
  /** `values` as Python prints them, row-major. */
  arrays: { name: string; dtype: string; shape: number[]; values: string[]; npy: string }[]
  refusedArrays: { name: string; dtype: string; npy: string }[]
  /** `pixels` as Pillow decodes them; `tolerance` where decoders may differ. */
  pictures: { name: string; bytes: string; pixels: number[][] | number[][][]; tolerance?: number }[]
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
