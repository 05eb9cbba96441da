import type { ScoringRequest } from '../../engine/dispatch.ts'
import type { Feeds, TensorInfo } from '../../engine/model-session.ts'
import { ScoringError } from '../../errors.ts'
import { binaryMediaTypes, decodeBinaryInput, refuseEmpty } from '../../protocols/azureml/binary-input.ts'
import { decodeJsonBody } from '../../protocols/azureml/input.ts'
import { isJson, isJsonByHabit, mediaTypeOf, unsupportedMediaType } from '../../protocols/http/media-type.ts'
import type { RequestHeaders } from '../../scripts/api.ts'
import type { OwnMedia } from '../../scripts/custom-content-types.ts'
import { rowCountOf } from '../../scripts/row-feeds.ts'
import type { HeadedScript, RowScript } from '../../scripts/script.ts'
import type { LoadedService } from './load-service.ts'
import { wholeInputOf } from './whole-input.ts'

/**
 * The script's own decoder when the body is for it; that may take its time, where all others are done at once. Bytes whose
 * layout came along are elements, whatever else comes as octets.
 */
export function ownMediaFor(
  { ownMedia, inputs }: RowScript,
  { contentType, details }: ScoringRequest,
): OwnMedia | undefined {
  if (details?.layout && binaryMediaTypes(inputs).includes(mediaTypeOf(contentType))) return undefined
  return ownMedia && !isJson(contentType) && ownMedia.takes(mediaTypeOf(contentType)) ? ownMedia : undefined
}

/**
 * Tensors of a body that needs nothing of the script: JSON, `.npy` or elements.
 *
 * @throws ScoringError 4xx naming what is wrong with the body
 */
export function decodeRows(service: LoadedService, script: RowScript, request: ScoringRequest): Feeds {
  const feeds = holdsJson(service, request)
    ? decodeJson(service, script, request)
    : decodeBytes(service, script, request)
  return limited(feeds, service, script)
}

/** A script that declares its input wants the name that Azure ML wants; a bare model does not, unless bytes are described. */
function holdsJson({ isBuiltIn }: LoadedService, { contentType, details }: ScoringRequest): boolean {
  return isJson(contentType) || (isBuiltIn && !details?.layout && isJsonByHabit(contentType))
}

/** Tensors of a body that the script decodes. */
export async function decodeOwnRows(
  service: LoadedService,
  script: RowScript,
  ownMedia: OwnMedia,
  { body, contentType }: ScoringRequest,
): Promise<Feeds> {
  const mediaType = mediaTypeOf(contentType)
  refuseEmpty(body, mediaType)
  // Small bodies share one buffer, and a script may look at the whole of `bytes.buffer`.
  const isOwn = body.byteLength === body.buffer.byteLength
  const bytes = (isOwn ? body : body.slice()) as Uint8Array<ArrayBuffer>
  return limited(await ownMedia.decode({ bytes, contentType: mediaType }), service, script)
}

/** The rows that the first stage of a pipeline makes of a request. */
export async function decodeHeadedRows(
  service: LoadedService,
  script: HeadedScript,
  request: ScoringRequest,
  headers: RequestHeaders | undefined,
): Promise<Feeds> {
  return limited(await script.feedsOf(wholeInputOf(script.head, request, service), headers), service, script)
}

function decodeJson(service: LoadedService, script: RowScript, { body }: ScoringRequest): Feeds {
  const json = decodeJsonBody(body, 'application/json', service)
  return script.decode(json.parameters, json)
}

function decodeBytes(service: LoadedService, { inputs }: RowScript, request: ScoringRequest): Feeds {
  const { contentType } = request
  if (!binaryMediaTypes(inputs).includes(mediaTypeOf(contentType)))
    throw unsupportedMediaType(contentType, service.mediaTypes)
  const input = inputs[0] as TensorInfo
  return { [input.name]: decodeBinaryInput(request, input) }
}

function limited(feeds: Feeds, service: LoadedService, { hasRowAxis }: RowScript | HeadedScript): Feeds {
  const limit = service.maxRows
  if (hasRowAxis && rowCountOf(feeds) > limit) {
    throw new ScoringError(
      'TOO_MANY_ROWS',
      `the request has ${rowCountOf(feeds)} rows, the service takes ${limit} (limits.maxRows); submit fewer at a time`,
    )
  }
  return feeds
}
