import { gzipSync } from 'node:zlib'
import type { Dice } from './dice.ts'
import { failingValue, killingValue } from './services.ts'

/** What a row gives: its prediction, or the code of its error. */
export type Expected = { readonly prediction: number } | { readonly code: string }

export interface ChaosJob {
  readonly jobId: string
  readonly service: 'sum' | 'diabetes'
  readonly format: 'jsonl' | 'csv' | 'json'
  /** The input, or undefined where the rows come inline. */
  readonly file: { readonly blob: string; readonly content: Buffer } | undefined
  readonly submission: Record<string, unknown>
  readonly expected: readonly Expected[]
  readonly errorThreshold: number
  readonly output: { readonly blob: string; readonly format: 'jsonl' | 'csv' }
  /** How it is submitted: over HTTP, or as a message, as clients of Azure write them. */
  readonly by: 'http' | 'plain message' | 'base64 message'
  /** What else happens to it, some milliseconds after its submission. */
  readonly mishap: Mishap | undefined
  readonly mishapAfterMs: number
}

/** `duplicates`: messages of ours come twice, or for chunks that are far away. */
export type Mishap = 'cancel' | 'input changes' | 'output appears' | 'duplicates' | 'submitted twice'

/** A row of an input as a file holds it, and what it gives. */
interface MadeRow {
  readonly values: readonly number[]
  readonly expected: Expected
  /** In place of `values`: a line of JSON Lines that is no row. */
  readonly line?: string
}

export interface KnownRow {
  readonly values: readonly number[]
  readonly prediction: number
}

/** A job by chance. @param pool  rows of `diabetes` with what they score */
export function makeJob(dice: Dice, jobId: string, pool: readonly KnownRow[]): ChaosJob {
  const service = dice.chance(0.6) ? 'sum' : 'diabetes'
  const hasKiller = service === 'sum' && dice.chance(0.12)
  const format = dice.oneOf(['jsonl', 'csv', 'json'] as const)
  const isInline = dice.chance(0.1)
  const isGzip = !isInline && dice.chance(0.25)
  // What comes inline may come in a message, which holds 64 KiB.
  const mostRows = isInline ? 60 : dice.oneOf([3, 60, 400, 1500])
  const rowCount = hasKiller ? dice.from(2, 24) : dice.chance(0.05) ? 0 : dice.from(1, mostRows)
  const badShare = dice.oneOf([0, 0, 0.02, 0.2])
  const isJsonl = format === 'jsonl' && !isInline
  const rows = Array.from({ length: rowCount }, () => makeRow(dice, service, badShare, isJsonl, pool))
  if (hasKiller) rows[dice.from(0, rowCount - 1)] = killer
  const failures = rows.filter(({ expected }) => 'code' in expected).length
  const outputFormat = dice.oneOf(['jsonl', 'jsonl', 'csv'] as const)
  const isOwnOutput = dice.chance(0.6)
  const output = {
    format: outputFormat,
    blob: isOwnOutput ? `output/${jobId}.${outputFormat}` : `jobs/${service}/${jobId}/predictions.${outputFormat}`,
  }
  const errorThreshold = dice.chance(0.2) ? Math.max(0, failures + dice.from(-2, 2)) : -1
  const miniBatchSize = hasKiller ? dice.from(2, 16) : dice.oneOf([1, 2, 7, 50, 1000, undefined])
  const name = `input/${jobId}.${format}${isGzip ? '.gz' : ''}`
  const text = Buffer.from(write(dice, format, rows, service))
  const file = isInline ? undefined : { blob: name, content: isGzip ? gzipSync(text) : text }
  const mishaps = ['cancel', 'input changes', 'output appears', 'duplicates', 'duplicates', 'submitted twice'] as const
  const mishap = dice.chance(0.4) ? dice.oneOf(mishaps) : undefined
  return {
    jobId,
    service,
    format,
    file,
    submission: {
      jobId,
      service,
      input: file ? { blob: name } : { rows: rows.map(({ values }) => values) },
      output: isOwnOutput ? { blob: output.blob } : { format: outputFormat },
      ...(miniBatchSize !== undefined && { miniBatchSize }),
      errorThreshold,
    },
    expected: rows.map(({ expected }) => expected),
    errorThreshold,
    output,
    by: dice.oneOf(['http', 'http', 'plain message', 'base64 message'] as const),
    mishap,
    mishapAfterMs: dice.from(0, 2500),
  }
}

const killer: MadeRow = { values: [killingValue, 0, 0], expected: { code: 'ROW_ENDED_PROCESS' } }

function makeRow(dice: Dice, service: string, badShare: number, isJsonl: boolean, pool: readonly KnownRow[]): MadeRow {
  if (dice.chance(badShare)) {
    const kind = dice.oneOf(isJsonl ? ['wide', 'line', 'throws'] : ['wide', 'throws'])
    if (kind === 'line') return { values: [], line: '1],[2', expected: { code: 'ROW_NOT_JSON' } }
    if (kind === 'throws' && service === 'sum')
      return { values: [failingValue, 1, 2], expected: { code: 'ENTRY_SCRIPT_FAILED' } }
    return { values: Array.from({ length: 17 }, (_, at) => at), expected: { code: 'a wrong width' } }
  }
  if (service === 'sum') {
    const values = [dice.from(-999, 999), dice.from(-999, 999), dice.from(-999, 999)]
    return { values, expected: { prediction: values.reduce((sum, value) => sum + value, 0) } }
  }
  const { values, prediction } = dice.oneOf(pool)
  return { values, expected: { prediction } }
}

function write(dice: Dice, format: ChaosJob['format'], rows: readonly MadeRow[], service: string): string {
  const newline = dice.oneOf(['\n', '\r\n'])
  const bom = dice.chance(0.2) ? '\uFEFF' : ''
  if (format === 'json') {
    const space = dice.oneOf(['', ' ', '\n  '])
    return `${bom}[${space}${rows.map(({ values }) => JSON.stringify(values)).join(`,${space}`)}${space}]`
  }
  const end = dice.chance(0.5) ? newline : ''
  if (format === 'jsonl') {
    const lines = rows.map(({ values, line }) => line ?? JSON.stringify(values))
    return bom + lines.join(newline) + (lines.length > 0 ? end : '')
  }
  const width = service === 'sum' ? 3 : 10
  const header = Array.from({ length: width }, (_, at) => (at === 1 ? '"two, quoted"' : `c${at}`))
  const cell = (value: number) => (dice.chance(0.1) ? `"${value}"` : String(value))
  return bom + [header.join(','), ...rows.map(({ values }) => values.map(cell).join(','))].join(newline) + end
}
