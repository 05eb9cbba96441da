import { ScoringError } from '../../errors.ts'
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import { binaryMediaTypes, decodeBinaryInput, refuseEmpty } from '../../protocols/azureml/binary-input.ts'
import { decodeJsonBody } from '../../protocols/azureml/input.ts'
import { isJson, isJsonByHabit, parseMediaType, unsupportedMediaType } from '../../protocols/http/media-type.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { RequestHeaders } from '../../scripts/api.ts'
import type { CustomContentTypes } from '../../scripts/custom-content-types.ts'
import { countRows } from '../../scripts/row-feeds.ts'
import type { PreprocessingPipeline, RowScript } from '../../scripts/script.ts'
import type { LoadedService } from './load-service.ts'
import { readRawInput } from './whole-input.ts'

/**
 * The script's own decoder when the body is for it; that may take its time, where all others are done at once. Bytes whose
 * layout came along are elements, whatever else comes as octets.
 */
export function customContentTypesFor(
  { customContentTypes, inputs }: RowScript,
  { contentType, details }: InferenceRequest,
): CustomContentTypes | undefined {
  if (details?.layout && binaryMediaTypes(inputs).includes(parseMediaType(contentType))) return undefined
  return customContentTypes && !isJson(contentType) && customContentTypes.takes(parseMediaType(contentType))
    ? customContentTypes
    : undefined
}

/**
 * Tensors of a body that needs nothing of the script: JSON, `.npy` or elements.
 *
 * @throws ScoringError 4xx naming what is wrong with the body
 */
export function decodeRows(service: LoadedService, script: RowScript, request: InferenceRequest): Feeds {
  const feeds = holdsJson(service, request)
    ? decodeJson(service, script, request)
    : decodeBytes(service, script, request)
  return limited(feeds, service, script)
}

/** A script that declares its input wants the name that Azure ML wants; a bare model does not, unless bytes are described. */
function holdsJson({ isBuiltIn }: LoadedService, { contentType, details }: InferenceRequest): boolean {
  return isJson(contentType) || (isBuiltIn && !details?.layout && isJsonByHabit(contentType))
}

/** Tensors of a body that the script decodes. */
export async function decodeCustomRows(
  service: LoadedService,
  script: RowScript,
  customContentTypes: CustomContentTypes,
  { body, contentType }: InferenceRequest,
): Promise<Feeds> {
  const mediaType = parseMediaType(contentType)
  refuseEmpty(body, mediaType)
  // Small bodies share one buffer, and a script may look at the whole of `bytes.buffer`.
  const isOwn = body.byteLength === body.buffer.byteLength
  const bytes = (isOwn ? body : body.slice()) as Uint8Array<ArrayBuffer>
  return limited(await customContentTypes.decode({ bytes, contentType: mediaType }), service, script)
}

/** The rows that the first stage of a pipeline makes of a request. */
export async function preprocessRows(
  service: LoadedService,
  script: PreprocessingPipeline,
  request: InferenceRequest,
  headers: RequestHeaders | undefined,
): Promise<Feeds> {
  return limited(await script.preprocess(readRawInput(script.firstStage, request, service), headers), service, script)
}

function decodeJson(service: LoadedService, script: RowScript, { body }: InferenceRequest): Feeds {
  const json = decodeJsonBody(body, 'application/json', service)
  return script.decode(json.parameters, json)
}

function decodeBytes(service: LoadedService, { inputs }: RowScript, request: InferenceRequest): Feeds {
  const { contentType } = request
  if (!binaryMediaTypes(inputs).includes(parseMediaType(contentType)))
    throw unsupportedMediaType(contentType, service.mediaTypes)
  const input = inputs[0] as TensorInfo
  return { [input.name]: decodeBinaryInput(request, input) }
}

function limited(feeds: Feeds, service: LoadedService, { hasRowAxis }: RowScript | PreprocessingPipeline): Feeds {
  const limit = service.maxRows
  if (hasRowAxis && countRows(feeds) > limit) {
    throw new ScoringError(
      'TOO_MANY_ROWS',
      `the request has ${countRows(feeds)} rows, the service takes ${limit} (limits.maxRows); submit fewer at a time`,
    )
  }
  return feeds
}
