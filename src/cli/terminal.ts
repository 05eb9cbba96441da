/** What commands print for people: colours where the stream takes them, and tables that fit the width of a terminal. */
import { stripVTControlCharacters, styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** A stream that a command prints to. */
export interface Terminal {
  /** Columns of the terminal; Infinity in a pipe or a file, where nothing is cut or wrapped. */
  readonly width: number
  /** Colours a text. Without effect where NO_COLOR is set, and in a pipe or a file unless FORCE_COLOR is set. */
  paint(style: Style, text: string): string
}

export function openTerminal(stream: NodeJS.WriteStream = process.stdout): Terminal {
  return {
    width: stream.isTTY && stream.columns > 0 ? stream.columns : Number.POSITIVE_INFINITY,
    paint: (style, text) => styleText(style, text, { stream }),
  }
}

export interface Column {
  readonly title?: string
  /** Numbers are best read aligned at the right. */
  readonly align?: 'left' | 'right'
  /** What happens to long texts where the table is too wide; `whole` by default. */
  readonly overflow?: 'whole' | 'wrap' | 'cut'
}

export interface TableOptions {
  /** One for each column; those that are left out are plain ones. */
  readonly columns?: readonly Column[]
  /** Spaces before each line. */
  readonly indent?: number
}

const gap = '  '
/** Columns are not made narrower than this. */
const minShrunkWidth = 12

/**
 * Lays out rows in aligned columns. Where they are wider than the terminal, columns with `overflow` get narrower, the widest
 * first.
 *
 * @param rows  cells, which may hold colours and no line breaks
 * @returns lines without a line break at the end
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  { width, paint }: Terminal,
  { columns = [], indent = 0 }: TableOptions = {},
): string {
  const titles = columns.some(({ title }) => title) ? [columns.map(({ title = '' }) => paint('bold', title))] : []
  const all = [...titles, ...rows]
  const count = Math.max(0, ...all.map(row => row.length))
  const widths = Array.from({ length: count }, (_, index) =>
    Math.max(0, ...all.map(row => displayWidth(row[index] ?? ''))),
  )
  shrink(widths, columns, width - indent - gap.length * (count - 1))
  return all
    .flatMap((row, index) =>
      layOut(row, widths, columns, { isTitle: index < titles.length, paint }).map(line => ' '.repeat(indent) + line),
    )
    .join('\n')
}

/**
 * Lays out a list as `formatTable` does. Columns without any text are left out, and where the terminal is too narrow for all of them, the
 * last ones that may be cut.
 */
export function formatList(
  rows: readonly (readonly string[])[],
  terminal: Terminal,
  columns: readonly Column[],
): string {
  const widest = (at: number) => Math.max(0, ...rows.map(row => displayWidth(row[at] ?? '')))
  const least = (at: number) => {
    const { title = '', overflow = 'whole' } = columns[at] ?? {}
    const whole = Math.max(displayWidth(title), widest(at))
    return overflow === 'whole' ? whole : Math.min(whole, minShrunkWidth)
  }
  const shown = columns.map((_, at) => at).filter(at => widest(at) > 0)
  const isTooWide = () => shown.reduce((sum, at) => sum + least(at) + gap.length, -gap.length) > terminal.width
  while (isTooWide() && columns[shown.at(-1) ?? -1]?.overflow === 'cut') shown.pop()
  const pick = <Cell>(cells: readonly Cell[]) => shown.map(at => cells[at] as Cell)
  return formatTable(rows.map(pick), terminal, { columns: pick(columns) })
}

/** The columns of a terminal that a text takes: two for a character of East Asian scripts or an emoji. */
export function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text)
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length
  return Array.from(segmenter.segment(plain), ({ segment }) => characterWidth(segment)).reduce((a, b) => a + b, 0)
}

/** Those that terminals show wide (Unicode Standard Annex 11, East Asian Width W and F). */
const wide =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\ufe0f/u

const characterWidth = (character: string) => (wide.test(character) ? 2 : 1)

/** Text that is not ours on one line, without characters that a terminal would obey. */
export function onOneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')
}

/** Breaks a text between words into lines of at most `width` characters; a longer word is left whole. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let line: string | undefined
  for (const word of text.split(' ')) {
    if (line !== undefined && displayWidth(line) + 1 + displayWidth(word) <= width) line += ` ${word}`
    else {
      if (line !== undefined) lines.push(line)
      line = word
    }
  }
  return [...lines, line ?? '']
}

/** Shortens a text without colours to `width` columns, the last of which is `…`. */
export function cutText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const { segment } of segmenter.segment(text)) {
    left -= characterWidth(segment)
    if (left < 0) break
    kept += segment
  }
  return `${kept}…`
}

/** Shortens the title of a column, whose last characters tell `probabilities[0]` from `probabilities[1]`. */
function cutTitle(title: string, width: number): string {
  const end = /\[\d+\]$/.exec(title)?.[0] ?? ''
  return cutText(title.slice(0, title.length - end.length), width - end.length) + end
}

const segmenter = new Intl.Segmenter()

function shrink(widths: number[], columns: readonly Column[], available: number): void {
  const canShrink = (index: number) => {
    const { overflow = 'whole' } = columns[index] ?? {}
    return overflow !== 'whole' && (widths[index] ?? 0) > minShrunkWidth
  }
  for (let excess = widths.reduce((sum, each) => sum + each, 0) - available; excess > 0; excess--) {
    const widest = widths.reduce(
      (found, each, index) => (canShrink(index) && each > (widths[found] ?? 0) ? index : found),
      -1,
    )
    if (widest === -1) return
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}

/** @returns the lines of one row: more than one where a cell is wrapped */
function layOut(
  row: readonly string[],
  widths: readonly number[],
  columns: readonly Column[],
  { isTitle, paint }: { isTitle: boolean; paint: Terminal['paint'] },
): string[] {
  const cells = widths.map((width, index) => {
    const text = row[index] ?? ''
    const { overflow } = columns[index] ?? {}
    if (overflow === undefined || overflow === 'whole' || displayWidth(text) <= width) return [text]
    if (isTitle) return [paint('bold', cutTitle(stripVTControlCharacters(text), width))]
    return overflow === 'wrap' ? wrapText(text, width) : [cutText(stripVTControlCharacters(text), width)]
  })
  const height = Math.max(...cells.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, index) => pad(lines[line] ?? '', widths[index] ?? 0, columns[index]?.align))
      .join(gap)
      .trimEnd(),
  )
}

function pad(text: string, width: number, align: Column['align']): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? spaces + text : text + spaces
}
