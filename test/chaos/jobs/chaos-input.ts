/** Inputs of jobs by chance: rows in the request, one file, or several. */
import type { Dice } from './dice.ts'
import { columnNames, ending, type FileForm, rowId, writeFile } from './input-file.ts'
import { type KnownRow, killer, type MadeRow, makeRow, type ServiceName } from './rows.ts'

/** A file of the input with its rows. */
export interface ChaosFile {
  /** `<container>/<path>` */
  readonly blob: string
  /** What stands for `{name}` in the name of its output. */
  readonly name: string
  readonly content: Buffer
  readonly rows: readonly ChaosRow[]
}

export interface ChaosRow extends MadeRow {
  /** Its cell in the column `id`; undefined where the row cannot be read. */
  readonly id: string | undefined
}

export interface ChaosInput {
  readonly form: FileForm
  /** In the order of the job's rows; one without a blob's name holds the rows of the request. */
  readonly files: readonly ChaosFile[]
  readonly kind: 'inline' | 'one' | 'several'
  /** `input` of the submission. */
  readonly member: Readonly<Record<string, unknown>>
  readonly miniBatchSize: number | undefined
}

/** More than a part of the plan has, and few enough for a round to be short. */
const mostChunks = 150

export function makeInput(
  dice: Dice,
  { jobId, service }: { readonly jobId: string; readonly service: ServiceName },
  known: readonly KnownRow[],
): ChaosInput {
  const kind = dice.oneOf(['inline', 'one', 'one', 'one', 'one', 'several', 'several', 'several', 'several'] as const)
  const form = chooseForm(dice, kind, service)
  const hasKiller = service === 'sum' && form.format !== 'parquet' && dice.chance(0.12)
  const badShare = dice.oneOf([0, 0, 0.02, 0.2])
  const counts = countRows(dice, kind, form, hasKiller)
  const rows = counts.map(count =>
    Array.from({ length: count }, () => makeRow(dice, { service, form, badShare }, known)),
  )
  if (hasKiller) placeKiller(dice, rows)
  // The first record names the columns.
  if (form.format === 'jsonl' && form.hasId)
    for (const each of rows) each[0] = makeRow(dice, { service, form, badShare: 0 }, known)
  const folder = `input/${jobId}`
  const files = rows.map((made, at) => {
    const name = nameFile(dice, kind, at)
    const blob = `${folder}${kind === 'one' ? '' : '/'}${name}.${ending(form)}`
    const content = writeFile(dice, form, { file: at, rows: made })
    return {
      blob,
      name: kind === 'one' ? jobId : name,
      content,
      rows: made.map((row, index) => withId(row, form, at, index)),
    }
  })
  const ordered = kind === 'several' ? files.sort((one, other) => (one.blob < other.blob ? -1 : 1)) : files
  const fewest = Math.ceil(counts.reduce((sum, count) => sum + count, 0) / mostChunks)
  const drawn = hasKiller ? dice.from(2, 16) : dice.oneOf([1, 2, 7, 50, 1000, undefined])
  return {
    form,
    kind,
    miniBatchSize: drawn && Math.max(drawn, fewest),
    ...describe(dice, folder, { kind, form, files: ordered }),
  }
}

function chooseForm(dice: Dice, kind: ChaosInput['kind'], service: ServiceName): FileForm {
  const width = service === 'sum' ? 3 : 10
  if (kind === 'inline') return { format: 'json', hasId: false, isGzip: false, width }
  const format = dice.oneOf(['jsonl', 'jsonl', 'csv', 'csv', 'csv', 'json', 'json', 'parquet'] as const)
  const hasId = format !== 'json' && dice.chance(0.4)
  return { format, hasId, isGzip: format !== 'parquet' && dice.chance(0.25), width }
}

/** @returns of each file */
function countRows(dice: Dice, kind: ChaosInput['kind'], { format, hasId }: FileForm, hasKiller: boolean): number[] {
  const fileCount = kind === 'several' ? dice.from(1, 6) : 1
  // What comes inline may come in a message, which holds 64 KiB.
  const mostRows = kind === 'inline' ? 60 : dice.oneOf([3, 60, 400, kind === 'one' ? 1500 : 600])
  const mayBeEmpty = format === 'csv' || format === 'json' || (format === 'jsonl' && !hasId && kind !== 'several')
  return Array.from({ length: fileCount }, () => {
    if (hasKiller) return dice.from(2, 24)
    return mayBeEmpty && dice.chance(kind === 'several' ? 0.15 : 0.05) ? 0 : dice.from(1, mostRows)
  })
}

function placeKiller(dice: Dice, rows: MadeRow[][]): void {
  const file = dice.oneOf(rows)
  file[dice.from(1, file.length - 1)] = killer
}

function nameFile(dice: Dice, kind: ChaosInput['kind'], at: number): string {
  if (kind === 'one') return ''
  return dice.chance(0.3) ? `in/part ${at}` : `f${at}`
}

function withId(row: MadeRow, { format, hasId }: FileForm, file: number, index: number): ChaosRow {
  const isRead = row.line === undefined && (format !== 'csv' || !isWide(row))
  return { ...row, id: hasId && isRead ? rowId(file, index) : undefined }
}

function isWide({ values }: MadeRow): boolean {
  return values.length === 17
}

function describe(
  dice: Dice,
  folder: string,
  { kind, form, files }: Pick<ChaosInput, 'kind' | 'form' | 'files'>,
): Pick<ChaosInput, 'files' | 'member'> {
  const [first] = files
  if (kind === 'inline') return { files, member: { rows: first?.rows.map(({ values }) => values) } }
  const columns = form.hasId ? { columns: columnNames(form.width) } : {}
  if (kind === 'one') return { files, member: { blob: first?.blob, ...columns } }
  const given = { format: form.format, ...(form.isGzip && { isGzip: true }) }
  const how = dice.oneOf(['pattern', 'folder', 'list'] as const)
  if (how === 'pattern') return { files, member: { blob: `${folder}/**/*.${ending(form)}`, ...columns } }
  if (how === 'folder') return { files, member: { blob: `${folder}/`, ...given, ...columns } }
  const listed = files.toReversed()
  // Their names begin behind the folder that all of them have in common.
  const common = listed.every(({ name }) => name.startsWith('in/')) ? 'in/' : ''
  const named = listed.map(file => ({ ...file, name: file.name.slice(common.length) }))
  return { files: named, member: { blobs: named.map(({ blob }) => blob), ...columns } }
}
