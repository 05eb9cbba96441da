import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cacheDir } from '../cache.ts'

/** A file of rows to be scored, on disk. */
export interface JobInputFile {
  readonly service: 'diabetes' | 'digits' | 'waits'
  readonly name: string
  readonly path: string
  readonly rowCount: number
}

/**
 * CSV with ten columns, about 95 bytes a row.
 *
 * @param part  number of a file among several, which begin with other rows
 */
export function diabetesRows(rowCount: number, part = 0): Promise<JobInputFile> {
  const header = 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n'
  const value = (row: number, column: number) => (((row * 7919 + column * 104_729) % 20_000) / 100_000 - 0.1).toFixed(6)
  const line = (row: number) => {
    const ofAll = part * rowCount + row
    return `${Array.from({ length: 10 }, (_, column) => value(ofAll, column)).join(',')}\n`
  }
  const name = `diabetes-${rowCount}${part === 0 ? '' : `-${part}`}.csv`
  return makeFile({ service: 'diabetes', name, rowCount }, header, line)
}

/** JSON Lines, each an image of 8x8 grey values from 0 to 16, about 200 bytes. */
export function digitsRows(rowCount: number): Promise<JobInputFile> {
  const value = (row: number, pixel: number) => (row * 31 + pixel * pixel * 17) % 17
  const line = (row: number) => {
    const pixelRow = (y: number) => Array.from({ length: 8 }, (_, x) => value(row, y * 8 + x))
    return `${JSON.stringify(Array.from({ length: 8 }, (_, y) => pixelRow(y)))}\n`
  }
  return makeFile({ service: 'digits', name: `digits-${rowCount}.jsonl`, rowCount }, '', line)
}

/** JSON Lines, each a list of one number. */
export function waitingRows(rowCount: number): Promise<JobInputFile> {
  return makeFile({ service: 'waits', name: `waits-${rowCount}.jsonl`, rowCount }, '', row => `[${row}]\n`)
}

async function makeFile(
  file: Omit<JobInputFile, 'path'>,
  header: string,
  line: (row: number) => string,
): Promise<JobInputFile> {
  const path = join(cacheDir, 'inputs', file.name)
  if (existsSync(path)) return { ...file, path }
  await mkdir(dirname(path), { recursive: true })
  const unfinished = `${path}.${process.pid}`
  const stream = createWriteStream(unfinished)
  stream.write(header)
  for (let row = 0; row < file.rowCount; ) {
    let piece = ''
    for (; row < file.rowCount && piece.length < 2 ** 20; row++) piece += line(row)
    if (!stream.write(piece)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
  await rename(unfinished, path)
  return { ...file, path }
}
