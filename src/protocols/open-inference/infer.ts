import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { modelVersion } from '../../models/catalogue/find-model.ts'
import { type LoadReport, refuseTensors, takesTensors } from '../../models/session/load-report.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { readBody } from '../http/read-body.ts'
import { addResultHeaders, openCall, type ScoredCall } from '../http/scored-call.ts'
import { headersForScripts } from '../http/script-headers.ts'
import type { WireRequest, WireResponse } from '../http/wire.ts'
import { encodeResult, textBytesHeader } from './respond.ts'

/**
 * Scores an infer request. @throws ScoringError
 *
 * @param model  the name as the caller wrote it, which the answer repeats
 */
export async function infer(
  service: ScoringService,
  request: WireRequest,
  call: ScoredCall,
  model: string,
): Promise<WireResponse> {
  const { headers } = call.ids
  const result = await service.infer({
    ...openCall(service, request, call),
    read: report => readInferRequest(service, request, { call, report, model }),
  })
  addResultHeaders(headers, service, result)
  const response = encodeResult(result, headers)
  if (result.kind !== 'failure') response.scored = { service: service.name, rows: result.rowCount }
  return compressAnswer(response, request.headers.get('accept-encoding'))
}

interface Reading {
  readonly call: ScoredCall
  readonly report: LoadReport
  readonly model: string
}

async function readInferRequest(
  service: ScoringService,
  request: WireRequest,
  { call: { ids, account }, report, model }: Reading,
): Promise<InferenceRequest> {
  if (!takesTensors(report)) refuseTensors()
  const declared = readTextBytes(request)
  const { maxBodyBytes } = service.definition.limits
  const body = await readBody(request, maxBodyBytes, account, { forWorker: { textBytes: declared } })
  if (declared !== undefined && declared > body.length)
    throw wrongTextBytes(`is ${declared}, the body has ${body.length} bytes`)
  // Without tensors behind it, all of the body is JSON.
  const textBytes = declared === body.length && declared > 0 ? undefined : declared
  const tensorCall = { model, version: modelVersion(service), ...(textBytes !== undefined && { textBytes }) }
  return {
    codec: 'open-inference',
    id: ids.headers['x-request-id'],
    body,
    contentType: undefined, // clients of this protocol send none, or any
    details: { tensorCall, ...(report.takesHeaders && { headers: headersForScripts(request.headers) }) },
  }
}

/** @throws ScoringError HEADER_INVALID */
function readTextBytes({ headers }: WireRequest): number | undefined {
  const given = headers.get(textBytesHeader)
  if (given === null) return undefined
  if (!/^\s*\d{1,15}\s*$/.test(given))
    throw wrongTextBytes('must be the number of bytes of JSON before the tensors, or 0')
  return Number(given)
}

function wrongTextBytes(what: string): ScoringError {
  return new ScoringError('HEADER_INVALID', `the header Inference-Header-Content-Length ${what}`)
}
