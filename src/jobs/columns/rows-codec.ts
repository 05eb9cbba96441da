import { ScoringError } from '../../errors.ts'
import { listNames } from '../../models/session/model-session.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { RowScript } from '../../scripts/script.ts'
import { isResponse } from '../../scripts/script-response.ts'
import type { Codec, DecodedFeeds, RunOutput } from '../../workers/runtime/codec.ts'
import type { LoadedService } from '../../workers/runtime/load-service.ts'
import type { RowReading, TextOfRows } from '../row-scorer.ts'
import { type ReadColumns, readColumns } from './row-columns.ts'
import { writeRowLines } from './row-lines.ts'
import { NotForColumns } from './row-tensors.ts'

/** What a request says of its rows. */
interface RowsToScore extends RowReading, Pick<TextOfRows, 'firstRow' | 'firstLine' | 'form'> {
  /** Their text as it stands in the input, or the packed columns of their chunk, in memory that threads share. */
  readonly text: Uint8Array
  /** Index of the first of them in the packed columns; absent: it is a text. */
  readonly from?: number
  readonly rowCount: number
}

/** What `encode` needs of a request. */
interface RowsForm extends Pick<ReadColumns, 'faults'> {
  readonly rows: RowsToScore
}

/**
 * Rows of batch jobs: text of the input in, lines of the output out. A row gets what its own request to `http` would get.
 *
 * @param http  the codec of single requests
 */
export function rowsCodec(http: Codec): Codec {
  return {
    isForJobs: true,
    mediaTypes: () => [],
    decodeByScript: () => undefined,
    decodeRows: (request, script, service) => decodeRows(http, request, { script, service }),
    decodeWhole: () => {
      throw new NotForColumns('the script takes requests, not rows')
    },
    encode,
  }
}

function decodeRows(
  http: Codec,
  { details }: InferenceRequest,
  { script, service }: { readonly script: RowScript; readonly service: LoadedService },
): DecodedFeeds {
  const rows = details?.rows as RowsToScore
  const decode = (text: string) => {
    const request = { codec: 'azureml', contentType: 'application/json', body: new TextEncoder().encode(text) }
    return http.decodeRows(request, script, service).feeds
  }
  const { feeds, faults } = readColumns(rows.text, rows, { inputs: script.inputs, decode })
  const form: RowsForm = { rows, faults }
  return { feeds, form, isAnswered: faults.size === rows.rowCount }
}

function encode(result: unknown, { response, outputs }: LoadedService, form: unknown): RunOutput {
  const { rows, faults } = form as RowsForm
  if (isResponse(result)) throw new NotForColumns('the script answers with a response')
  const lines = writeLines({ ...rows, faults }, result, { nonFinite: response.nonFinite, lists: listNames(outputs) })
  if (!lines) throw new NotForColumns('the answer cannot be divided by rows')
  return lines
}

function writeLines(...[rows, result, options]: Parameters<typeof writeRowLines>): ReturnType<typeof writeRowLines> {
  try {
    return writeRowLines(rows, result, options)
  } catch (cause) {
    const message = 'An unexpected internal error occurred. Check the logs for more info.'
    throw new ScoringError('OUTPUT_NOT_SERIALISABLE', message, { cause })
  }
}
