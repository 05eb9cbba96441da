import assert from 'node:assert/strict'
import { atLine } from '../../../src/jobs/at-line.ts'
import { readRowLines } from '../../../src/jobs/columns/row-lines.ts'
import { rowsCodec } from '../../../src/jobs/columns/rows-codec.ts'
import { readRows } from '../../../src/jobs/formats/read-rows.ts'
import { tensorRowForm } from '../../../src/jobs/formats/row-form.ts'
import type { LineForm } from '../../../src/jobs/line-form.ts'
import { encodeLines } from '../../../src/jobs/output/result-lines.ts'
import type { Row, RowReading, RowResult } from '../../../src/jobs/row-scorer.ts'
import type { Feeds, TensorInfo } from '../../../src/models/session/model-session.ts'
import { azuremlCodec } from '../../../src/protocols/azureml/codec.ts'
import type { EncodedBytes } from '../../../src/scheduling/inference-result.ts'
import { decodeFeeds } from '../../../src/scripts/feeds.ts'
import type { RowScript } from '../../../src/scripts/script.ts'
import type { LoadedService } from '../../../src/workers/runtime/load-service.ts'

/** A service whose answers hold its inputs, so that every bit of them is seen. */
export interface EchoService {
  readonly inputs: readonly TensorInfo[]
  readonly columns?: readonly string[]
  readonly missing?: 'nan' | 'error'
  readonly answer: (feeds: Feeds) => unknown
}

const codec = rowsCodec(azuremlCodec)

function parts({ inputs, columns, missing }: EchoService): { script: RowScript; service: LoadedService } {
  const settings = { ...(columns && { columns }), ...(missing && { missing }) }
  const script = {
    kind: 'rows',
    inputs,
    decode: (parameters, source) => decodeFeeds(parameters, inputs, settings, source),
  } as RowScript
  const service = {
    outputs: [],
    isBuiltIn: true,
    takesNonFinite: missing !== 'error',
    hasExactIntegers: inputs.some(({ dtype }) => dtype.endsWith('int64')),
    response: { encoding: 'json', nonFinite: 'literal' },
  } as unknown as LoadedService
  return { script, service }
}

export interface Text {
  readonly text: Buffer
  readonly rowCount: number
  readonly reading: RowReading
  readonly form: LineForm
}

/** The same rows in packed columns. */
interface Packed {
  readonly content: Uint8Array
  /** Index of the first row. */
  readonly from: number
}

const firstRow = 98
const firstLine = 107

export function inColumns(
  echo: EchoService,
  { text, rowCount, reading, form }: Text,
  packed?: Packed,
): { lines: string; failed: number } {
  const { script, service } = parts(echo)
  const request = {
    ...{ codec: 'rows', body: new Uint8Array(), contentType: undefined },
    details: {
      rows: {
        ...reading,
        ...(packed ? { text: packed.content, from: packed.from } : { text }),
        rowCount,
        firstRow,
        firstLine: packed ? undefined : firstLine,
        form,
      },
    },
  }
  const decoded = codec.decodeRows(request, script, service)
  const result = decoded.isAnswered ? undefined : echo.answer(decoded.feeds)
  const output = codec.encode(result, service, decoded.form) as EncodedBytes
  const { lines, failed } = readRowLines(output)
  return { lines: Buffer.from(lines).toString(), failed }
}

/** What each row gets in a request of its own. */
async function oneByOne(
  echo: EchoService,
  { text, rowCount, reading, form }: Text,
  line: number | undefined,
): Promise<string> {
  const { script, service } = parts(echo)
  const rowForm = tensorRowForm(echo.inputs, true)
  const rows = await readRows([text], { rowCount, line }, { ...reading, inputs: echo.inputs })
  const score = (row: Row): RowResult => {
    if ('code' in row) return row
    const body = Buffer.from(rowForm.encodeBody([row.json]))
    try {
      const { feeds } = azuremlCodec.decodeRows(
        { codec: 'azureml', body, contentType: 'application/json' },
        script,
        service,
      )
      const answer = azuremlCodec.encode(echo.answer(feeds), service, undefined)
      const [prediction = ''] = rowForm.splitPredictions((answer as { body: string }).body, [row.json]) ?? []
      return { prediction }
    } catch (failure) {
      const { code, message } = failure as { code: string; message: string }
      return { code, message }
    }
  }
  const results = rows.map(row => atLine(score(row), row.line))
  return encodeLines(form, firstRow, results)
}

export async function requireSame(echo: EchoService, text: Text, packed?: Packed): Promise<void> {
  const { lines, failed } = inColumns(echo, text, packed)
  const expected = await oneByOne(echo, text, packed ? undefined : firstLine)
  assert.equal(lines, expected)
  const isFailure = text.form.format === 'jsonl' ? /^\{"index": \d+, "error"/ : /^\d+,,+[A-Z]/
  assert.equal(failed, expected.split('\n').filter(line => isFailure.test(line)).length)
}
