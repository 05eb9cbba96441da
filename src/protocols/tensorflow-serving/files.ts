import { ScoringError } from '../../errors.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import { tensorBytes } from '../../scheduling/inference-request.ts'
import type { CustomContentTypes } from '../../scripts/custom-content-types.ts'
import { joinFeeds } from '../../scripts/row-feeds.ts'
import type { RowScript } from '../../scripts/script.ts'
import { isSameRowShape } from '../../tensor/shape.ts'
import { checkNamedInputs } from '../../workers/runtime/named-inputs.ts'
import { sniffMediaType, unknownMediaType } from './sniff-media-type.ts'

/** The most bytes of the tensors that the files of one request may become: a file of some kilobytes can be a picture of megabytes. */
const maxDecodedBytes = 268_435_456

/**
 * Decodes the values of a DT_STRING tensor as files, each by itself, and joins their rows. Nothing says what they are, so their
 * first bytes do.
 *
 * @param input  the name of the tensor, for messages
 * @throws ScoringError CONTENT_TYPE_UNSUPPORTED, TOO_MANY_ROWS, or what the script's `decode` and the checks of its tensors throw;
 *   of several files it names the one
 */
export async function decodeFiles(
  input: string,
  files: readonly Uint8Array[],
  script: RowScript & { readonly customContentTypes: CustomContentTypes },
): Promise<Feeds> {
  const decoded: Feeds[] = []
  let bytes = 0
  for (const [index, file] of files.entries()) {
    const where = files.length > 1 ? `file ${index} of ${files.length} in input ${JSON.stringify(input)}: ` : ''
    const feeds = await namingFile(where, () => decodeFile(file, script.customContentTypes))
    refuseOtherShape(where, feeds, decoded[0])
    bytes += tensorBytes(feeds)
    if (bytes > maxDecodedBytes) {
      throw new ScoringError(
        'TOO_MANY_ROWS',
        `the first ${index + 1} of ${files.length} files take more than ${maxDecodedBytes} bytes as tensors; send fewer at a time`,
      )
    }
    decoded.push(feeds)
  }
  return decoded.length === 1 ? (decoded[0] as Feeds) : checkNamedInputs(joinFeeds(decoded), script)
}

async function decodeFile(file: Uint8Array, { types, takes, decode }: CustomContentTypes): Promise<Feeds> {
  const sniffed = sniffMediaType(file)
  const [only] = types
  // A script that takes one type says what the file is.
  const isOne = types.length === 1 && only !== undefined && !only.endsWith('*')
  const contentType = takes(sniffed) || !isOne ? sniffed : only
  if (!takes(contentType)) {
    const begins = sniffed === unknownMediaType ? 'begins like no known image' : `begins like ${sniffed}`
    throw new ScoringError('CONTENT_TYPE_UNSUPPORTED', `the file ${begins}; the service takes ${types.join(', ')}`)
  }
  // A script may look at the whole of `bytes.buffer`, which is the message.
  return decode({ bytes: file.slice() as Uint8Array<ArrayBuffer>, contentType })
}

/** Puts the file before the message of a refusal. */
async function namingFile<Result>(where: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (failure) {
    if (where === '' || !(failure instanceof ScoringError)) throw failure
    throw new ScoringError(failure.code, `${where}${failure.message}`, { cause: failure.cause })
  }
}

/** @throws ScoringError INPUT_SHAPE_MISMATCH when rows of two files cannot be in one tensor */
function refuseOtherShape(where: string, feeds: Feeds, first: Feeds | undefined): void {
  for (const [name, { shape }] of Object.entries(feeds)) {
    const other = first?.[name]?.shape
    if (!other || isSameRowShape(shape, other)) continue
    throw new ScoringError(
      'INPUT_SHAPE_MISMATCH',
      `${where}its rows have shape [${shape.slice(1).join(', ')}], those of the first file [${other.slice(1).join(', ')}]; send such files apart`,
    )
  }
}
