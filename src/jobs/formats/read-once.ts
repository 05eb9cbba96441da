import type { ByteRange } from '../blob-store.ts'
import type { ReadInput } from './text-source.ts'

/** Of the beginning, which holds the names of columns, or the first record. */
const maxHeldBytes = 2 * 2 ** 20

interface Beginning {
  readonly pieces: Uint8Array[]
  bytes: number
  readonly rest: AsyncIterator<Uint8Array>
}

/**
 * Reads an input whose beginning is needed before the rest: the first read from the start, which may end early, is gone on with by the
 * second one. Two requests would send the beginning twice, and the first of them breaks a connection with what is under way on it.
 *
 * @returns `close` is to be called when nobody reads any more
 */
export function readOnce(read: ReadInput): { readonly read: ReadInput; close(): Promise<void> } {
  let isFirst = true
  let held: Beginning | undefined
  const close = async () => {
    const { rest } = held ?? {}
    held = undefined
    await rest?.return?.()
  }
  const readFirst = async function* (range: ByteRange | undefined) {
    const beginning: Beginning = { pieces: [], bytes: 0, rest: read(range)[Symbol.asyncIterator]() }
    held = beginning
    try {
      for (let next = await beginning.rest.next(); !next.done; next = await beginning.rest.next()) {
        beginning.bytes += next.value.byteLength
        if (beginning.bytes > maxHeldBytes) held = undefined
        else beginning.pieces.push(next.value)
        yield next.value
      }
    } finally {
      if (!held) await beginning.rest.return?.()
    }
  }
  const readOn = async function* ({ pieces, rest }: Beginning, offset: number) {
    try {
      yield* from(offset, pieces)
      for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
    } finally {
      await rest.return?.()
    }
  }
  return {
    read: range => {
      const { start = 0, end } = range ?? {}
      const beginning = held
      if (end === undefined && isFirst && start === 0) {
        isFirst = false
        return readFirst(range)
      }
      if (!beginning || end !== undefined || start > beginning.bytes) return read(range)
      held = undefined
      return readOn(beginning, start)
    },
    close,
  }
}

function* from(offset: number, pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let at = 0
  for (const piece of pieces) {
    if (at + piece.byteLength > offset) yield piece.subarray(Math.max(0, offset - at))
    at += piece.byteLength
  }
}
