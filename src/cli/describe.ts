/** Facts in words, as commands print them. */
import type { LoadReport } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { cutText } from './terminal.ts'

/** `age float32[N, 1]`; N is the number of rows, `?` another size that is open. */
export function describeTensor({ name, dtype, shape, classes }: TensorInfo): string {
  if (!shape) return `${name} ${dtype} of any shape`
  const sizes = shape.map((size, axis) =>
    typeof size === 'number' && size >= 0
      ? String(size)
      : axis === 0
        ? 'N'
        : typeof size === 'string' && size !== ''
          ? size
          : '?',
  )
  return `${name} ${dtype}[${sizes.join(', ')}]${classes ? ` by class (${shorten(classes.join(', '), 60)})` : ''}`
}

/** Whether requests share runs, and why, in one sentence. */
export function describeSharing({ microBatching, isBatchable }: LoadReport): string {
  return microBatching ?? `micro-batching is ${isBatchable ? 'on' : 'off'}`
}

/** Whether a note of the load says what `describeSharing` says in full. */
export function isAboutRows(note: string): boolean {
  return /^micro-batching is|^rows share runs/.test(note)
}

/** Shortens JSON or other text to one line of at most `length` characters. */
export function shorten(text: string, length: number): string {
  return cutText(text.replace(/\s+/g, ' ').trim(), length)
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** `2.2 kB`, with powers of 1000 as file managers have them. */
export function describeBytes(bytes: number): string {
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${units[power]}`
}
