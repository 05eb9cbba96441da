import type { Readable, Writable } from 'node:stream'
import type { LogEntry, LogLevel } from '../../telemetry/log.ts'
import { decodeOutput, type OutputRecord } from '../../workers/transport/output-record.ts'

/** A longer line is broken up: what a script writes must not pile up. */
const maxLineLength = 65_536

export interface NamedLinesOptions {
  readonly service: string
  /** Of lines that are no records. */
  readonly level: LogLevel
  readonly format: (entry: LogEntry) => string
}

/** Forwards what a worker prints under the name of its service, with the requests that were being run. Two requests share no line. */
export function passOnLines(from: Readable, to: Writable, { service, level, format }: NamedLinesOptions): void {
  let rest = ''
  /** Output whose line has not ended. */
  let open: OutputRecord | undefined
  let lines = ''
  const print = ({ text, ...tag }: OutputRecord) => {
    lines += format({ ...tag, service, message: text.replace(/\r$/, '') })
  }
  const add = (record: OutputRecord) => {
    let { text } = record
    if (open && hasSameTag(open, record)) text = open.text + text
    else if (open) print(open)
    const end = text.lastIndexOf('\n')
    if (end >= 0) print({ ...record, text: text.slice(0, end) })
    const left = text.slice(end + 1)
    open = left === '' ? undefined : { ...record, text: left }
    if (open && left.length > maxLineLength) {
      print(open)
      open = undefined
    }
  }
  const read = (line: string) =>
    add(decodeOutput(line) ?? { level, requestIds: [], moreRequests: 0, text: `${line}\n` })
  const flush = () => {
    if (lines !== '') to.write(lines)
    lines = ''
  }
  from.setEncoding('utf8')
  from.on('data', (text: string) => {
    const whole = (rest + text).split(lineEnd)
    rest = whole.pop() ?? ''
    for (const line of whole) read(line)
    if (rest.length > maxLineLength) {
      read(rest)
      rest = ''
    }
    flush()
  })
  from.on('end', () => {
    if (rest !== '') read(rest)
    if (open) print(open)
    flush()
  })
  from.resume()
}

/** A record may begin where a plain line has not ended. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: records begin with it
const lineEnd = /\n|(?<=[^\n])(?=\x1e)/

function hasSameTag(one: OutputRecord, other: OutputRecord): boolean {
  return (
    one.level === other.level &&
    one.moreRequests === other.moreRequests &&
    one.requestIds.length === other.requestIds.length &&
    one.requestIds.every((id, index) => id === other.requestIds[index])
  )
}
