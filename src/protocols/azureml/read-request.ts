/** The requests of an Azure ML web service. */
import type { LoadReport } from '../../models/session/load-report.ts'
import type { InferenceRequest, TensorLayout } from '../../scheduling/inference-request.ts'
import { isJson } from '../../scripts/media-type.ts'
import { type BodyAccount, readBody } from '../http/read-body.ts'
import { headersForScripts } from '../http/script-headers.ts'
import type { WireRequest } from '../http/wire.ts'
import { encodeQuery } from './query.ts'

const codec = 'azureml'

/** What the body of a request is read with. */
interface Reading {
  readonly report: LoadReport
  readonly maxBodyBytes: number
  readonly account: BodyAccount
  /** The request id, which the log has when the request ends its worker. */
  readonly id: string | undefined
}

/**
 * Reads a request for the workers. A GET's query becomes the JSON object that a POST would carry.
 *
 * @throws ScoringError as `readBody` does
 */
export async function readRequest(
  request: WireRequest,
  { report: { scriptKind, takesHeaders }, maxBodyBytes, account, id }: Reading,
): Promise<InferenceRequest> {
  const { method, headers, url } = request
  const contentType = headers.get('content-type') ?? undefined
  const hasBody = method !== 'GET' && method !== 'HEAD'
  if (scriptKind === 'rawHttp') {
    const http = { method, url, headers: headersForScripts(headers) }
    const body = hasBody ? await readBody(request, maxBodyBytes, account, { forWorker: {} }) : new Uint8Array()
    return { codec, id, body, contentType, details: { http } }
  }
  const details = takesHeaders ? { headers: headersForScripts(headers) } : undefined
  if (!hasBody) return { codec, id, body: encodeQuery(url), contentType: 'application/json', details }
  const body = await readBody(request, maxBodyBytes, account, { forWorker: {} })
  if (scriptKind === 'typed' && !isJson(contentType)) {
    const layout = readLayout(request)
    return { codec, id, body, contentType, details: layout ? { ...details, layout } : details }
  }
  const isUnread = scriptKind === 'raw' && isForm(contentType)
  return { codec, id, body: isUnread ? new Uint8Array() : body, contentType, details }
}

/**
 * Tells whether the body is a form. The framework of Azure ML's server parses forms before an undecorated script sees them, and
 * leaves the script an empty text; it does not recognise a multipart form without a boundary (guide/contract.md).
 */
function isForm(contentType: string | undefined): boolean {
  return /^\s*(application\/x-www-form-urlencoded|multipart\/form-data\s*;.*boundary=)/i.test(contentType ?? '')
}

/** How a body of bare elements lies, as header or query say it; what it means is found where the input is known. */
function readLayout({ headers, query }: WireRequest): TensorLayout | undefined {
  const entries = new Map(query.entries())
  const shape = headers.get('x-tensor-shape') ?? entries.get('shape')
  const dtype = headers.get('x-tensor-dtype') ?? entries.get('dtype')
  return shape === undefined && dtype === undefined ? undefined : { shape, dtype }
}
