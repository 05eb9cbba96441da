import type { Readable, Writable } from 'node:stream'

/** A longer line is broken up: what a script writes must not pile up. */
const maxLineLength = 65_536

/**
 * Forwards what a worker prints, each line under the name of its service, so that no script can write a line that looks like
 * one of the server or of another service.
 */
export function passOnLines(service: string, from: Readable, to: Writable): void {
  let rest = ''
  const write = (lines: readonly string[]) => {
    if (lines.length > 0) to.write(lines.map(line => `[${service}] ${shown(line)}\n`).join(''))
  }
  from.setEncoding('utf8')
  from.on('data', (text: string) => {
    const lines = (rest + text).split(lineEnd)
    rest = lines.pop() ?? ''
    if (rest.length > maxLineLength) {
      lines.push(rest)
      rest = ''
    }
    write(lines)
  })
  from.on('end', () => write(rest === '' ? [] : [rest]))
}

/** Everything that a terminal or a log viewer may take for the end of a line. */
const lineEnd = /\r?\n|[\r\v\f\u0085\u2028\u2029]/

/** Escapes control characters, which would move the cursor of a terminal. */
function shown(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the subject
  return line.replace(/[\0-\x08\x0e-\x1f\x7f-\x9f]/g, unit => `\\x${unit.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
