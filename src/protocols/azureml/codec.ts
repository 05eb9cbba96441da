/** The bodies of an Azure ML web service, read and written inside the workers. */
import { ScoringError } from '../../errors.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { InferenceRequest, RequestDetails } from '../../scheduling/inference-request.ts'
import { isJson, isJsonByHabit, parseMediaType, unsupportedMediaType } from '../../scripts/media-type.ts'
import { rawRequest } from '../../scripts/raw-request.ts'
import type { RawRequestScript, RowScript } from '../../scripts/script.ts'
import { isResponse, readAhead } from '../../scripts/script-response.ts'
import { encode } from '../../tensor/python-json.ts'
import type { Codec, DecodedFeeds, RunOutput } from '../../workers/runtime/codec.ts'
import type { LoadedService } from '../../workers/runtime/load-service.ts'
import { decodeJsonBody, decodeText } from '../http/json-body.ts'
import { binaryMediaTypes, decodeBinaryInput, refuseEmpty } from './binary-input.ts'

export const azuremlCodec: Codec = {
  mediaTypes: binaryMediaTypes,
  decodeByScript,
  decodeRows,
  decodeWhole,
  encode: encodeResult,
}

/** A body whose layout came along holds the elements of a tensor, even where the script takes the same media type. */
function decodeByScript(
  { body, contentType, details }: InferenceRequest,
  { customContentTypes, inputs }: RowScript,
): (() => Promise<DecodedFeeds>) | undefined {
  if (!customContentTypes || isJson(contentType)) return undefined
  const mediaType = parseMediaType(contentType)
  if (!customContentTypes.takes(mediaType) || (details?.layout && binaryMediaTypes(inputs).includes(mediaType)))
    return undefined
  return async () => {
    refuseEmpty(body, mediaType)
    // Small bodies share one buffer, and a script may look at the whole of `bytes.buffer`.
    const isWhole = body.byteLength === body.buffer.byteLength
    const bytes = (isWhole ? body : body.slice()) as Uint8Array<ArrayBuffer>
    return { feeds: await customContentTypes.decode({ bytes, contentType: mediaType }) }
  }
}

/** JSON, a `.npy` file, or the elements of a tensor. */
function decodeRows(request: InferenceRequest, script: RowScript, service: LoadedService): DecodedFeeds {
  const { contentType, details } = request
  // A script that declares its input wants the name that Azure ML wants; a bare model does not, unless bytes are described.
  if (isJson(contentType) || (service.isBuiltIn && !details?.layout && isJsonByHabit(contentType))) {
    const json = decodeJsonBody(request.body, 'application/json', service)
    return { feeds: script.decode(json.parameters, json) }
  }
  if (!binaryMediaTypes(script.inputs).includes(parseMediaType(contentType)))
    throw unsupportedMediaType(contentType, service.mediaTypes)
  const input = script.inputs[0] as TensorInfo
  return { feeds: { [input.name]: decodeBinaryInput(request, input) } }
}

function decodeWhole(
  { body, contentType, details }: InferenceRequest,
  script: RawRequestScript,
  { takesNonFinite }: LoadedService,
): unknown {
  switch (script.kind) {
    case 'raw':
      return decodeText(body)
    case 'object':
      return script.decode(decodeJsonBody(body, contentType, { hasExactIntegers: false, takesNonFinite }).parameters)
    case 'rawHttp': {
      const { method, url, headers } = (details as RequestDetails).http as NonNullable<RequestDetails['http']>
      const init = { method, headers: headers as [string, string][] }
      return rawRequest(url, init, body as Uint8Array<ArrayBuffer>)
    }
  }
}

/** A `Response` goes out as it is, anything else as JSON; nothing is `{}` (guide/contract.md). */
function encodeResult(
  result: unknown,
  { response: { encoding, nonFinite } }: LoadedService,
): RunOutput | Promise<RunOutput> {
  try {
    if (isResponse(result)) return encodeScriptResponse(result).catch(notSerialisable)
    const json = result === undefined || result === null ? '{}' : encode(result, nonFinite)
    return { kind: 'encoded', body: encoding === 'json-string' ? encode(json) : json }
  } catch (cause) {
    return notSerialisable(cause)
  }
}

async function encodeScriptResponse(response: Response): Promise<RunOutput> {
  const { status, headers, body } = response
  if (status < 200) throw new TypeError('Response.error() is no answer')
  return { kind: 'response', status, headers: [...headers], body: await readAhead(body) }
}

function notSerialisable(cause: unknown): never {
  const message = 'An unexpected internal error occurred. Check the logs for more info.'
  throw new ScoringError('OUTPUT_NOT_SERIALISABLE', message, { cause })
}
