/** Rows of inputs, and what each of them gives. */
import { createRequire } from 'node:module'
import { Dice } from './dice.ts'
import { diabetesModel, failingValue, killingValue } from './services.ts'

export type ServiceName = 'sum' | 'diabetes'

/** What a row gives: its prediction, or the code of its error. */
export type Expected = { readonly prediction: number } | { readonly code: string }

/** A row of an input as a file holds it, and what it gives. */
export interface MadeRow {
  readonly values: readonly number[]
  readonly expected: Expected
  /** In place of `values`: a line of JSON Lines that is no row. */
  readonly line?: string
}

export interface KnownRow {
  readonly values: readonly number[]
  readonly prediction: number
}

/** How rows stand in a file: records and CSV with `id` have a column that no model takes. */
export interface RowForm {
  readonly format: 'jsonl' | 'csv' | 'json' | 'parquet'
  readonly hasId: boolean
}

/** Which of several codes a row of the wrong width gets depends on the format. */
export const wrongWidth = 'a wrong width'

export const killer: MadeRow = { values: [killingValue, 0, 0], expected: { code: 'ROW_ENDED_PROCESS' } }

/** A row by chance. @param known  rows of `diabetes` with their predictions */
export function makeRow(
  dice: Dice,
  { service, form, badShare }: { readonly service: ServiceName; readonly form: RowForm; readonly badShare: number },
  known: readonly KnownRow[],
): MadeRow {
  const kind = dice.chance(badShare) ? dice.oneOf(listBadKinds(service, form)) : undefined
  if (kind === 'line') return { values: [], line: '1],[2', expected: { code: 'ROW_NOT_JSON' } }
  if (kind === 'throws') return { values: [failingValue, 1, 2], expected: { code: 'ENTRY_SCRIPT_FAILED' } }
  if (kind === 'wide') return { values: Array.from({ length: 17 }, (_, at) => at), expected: { code: wrongWidth } }
  if (service === 'diabetes') {
    const { values, prediction } = dice.oneOf(known)
    return { values, expected: { prediction } }
  }
  const values = [dice.from(-999, 999), dice.from(-999, 999), dice.from(-999, 999)]
  return { values, expected: { prediction: values.reduce((sum, value) => sum + value, 0) } }
}

/** How a row may be bad: none can be in Parquet for a model, as its columns have one type. */
function listBadKinds(service: ServiceName, { format, hasId }: RowForm): (string | undefined)[] {
  const kinds: (string | undefined)[] = [service === 'sum' ? 'throws' : undefined]
  // A record may have other members, and a table has one width.
  if (format !== 'parquet' && !(format === 'jsonl' && hasId)) kinds.push('wide')
  if (format === 'jsonl') kinds.push('line')
  return kinds
}

/** The parts of ONNX Runtime that are used here; its types are those of a browser. */
interface Runtime {
  readonly InferenceSession: { create(model: Uint8Array): Promise<Session> }
  readonly Tensor: new (type: 'float64', data: Float64Array, shape: readonly number[]) => unknown
}
interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  run(feeds: Record<string, unknown>): Promise<Record<string, { readonly data: Float64Array }>>
}

/** Rows of `diabetes` with what its model gives for each alone, without anything of the app in between. */
export async function scoreRows(seed: number): Promise<KnownRow[]> {
  const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as Runtime
  const session = await InferenceSession.create(diabetesModel)
  const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]]
  const dice = new Dice(seed)
  const rows: KnownRow[] = []
  for (let each = 0; each < 100; each++) {
    const values = Array.from({ length: 10 }, () => dice.next() / 5 - 0.1)
    const answer = await session.run({ [input]: new Tensor('float64', Float64Array.from(values), [1, 10]) })
    rows.push({ values, prediction: answer[output]?.data[0] as number })
  }
  return rows
}
