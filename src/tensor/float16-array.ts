import { f16round, Float16Array as Ponyfill } from '@petamoriken/float16'

/**
 * Float16Array of the language, which came with Node.js 24. Before, it is a proxy around the same bytes: slower, no view for
 * `ArrayBuffer.isView`, and refused by the structured clone.
 */
export const Float16Array: Float16ArrayConstructor =
  globalThis.Float16Array ?? (Ponyfill as unknown as Float16ArrayConstructor)

/** Rounds to the nearest float16; `Math.f16round`, which came with Node.js 24 too. */
export const roundToHalf: (number: number) => number = Math.f16round ?? f16round

/** Whether it is an array of numbers of one type, e.g. `Float32Array`; on every Node.js that includes Float16Array. */
export function isTypedArray(value: unknown): value is NodeJS.TypedArray {
  return (ArrayBuffer.isView(value) && !(value instanceof DataView)) || value instanceof Float16Array
}

/** The bits of each element, in the same memory. */
export function halfBits({ buffer, byteOffset, length }: Float16Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(buffer as ArrayBuffer, byteOffset, length)
}

/** The inverse of {@link halfBits}. */
export function fromHalfBits({ buffer, byteOffset, length }: Uint16Array): Float16Array {
  return new Float16Array(buffer as ArrayBuffer, byteOffset, length)
}
