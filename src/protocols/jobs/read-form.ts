/** Forms with a file (RFC 7578), read as they arrive. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyFileStream } from '@fastify/busboy'
import { ScoringError } from '../../errors.ts'
import { invalidJob } from '../../jobs/requests/job-invalid.ts'
import { parseMediaType } from '../../scripts/media-type.ts'

export interface FormFile {
  /** Without folders; undefined when the sender tells none. */
  readonly name: string | undefined
  readonly mediaType: string
  readonly content: AsyncIterable<Uint8Array>
}

const limits = { fieldNameSize: 200, fieldSize: 2 ** 20, fields: 100, files: 2, parts: 110, headerPairs: 100 }

/**
 * Reads a form whose field `file` is a file.
 *
 * @param contentType  with the boundary
 * @param readFile  called at most once; the rest of the form waits for it
 * @returns the other fields, in order
 * @throws ScoringError JOB_INVALID when it is no form, or has two files; what `body` and `readFile` throw
 */
export async function readForm(
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  readFile: (file: FormFile) => Promise<void>,
): Promise<(readonly [name: string, value: string])[]> {
  const fields: (readonly [string, string])[] = []
  const form = openForm(contentType)
  let content: BusboyFileStream | undefined
  let reading: Promise<void> | undefined
  form.on('file', (_field, stream, name, _encoding, mediaType) => {
    if (content) {
      stream.resume()
      form.destroy(invalidJob('file: is there twice; a job has one file'))
      return
    }
    content = stream
    reading = readFile({ name: name || undefined, mediaType: parseMediaType(mediaType), content: stream })
    reading.catch(failure => form.destroy(failure))
  })
  form.on('field', (name, value, isNameCut, isCut) => {
    if (isNameCut || isCut) form.destroy(invalidJob(`${name}: is too long for a field; the file is the field "file"`))
    fields.push([name, value])
  })
  try {
    await pipeline(Readable.from(body), form)
    await reading
    return fields
  } catch (failure) {
    content?.destroy(failure as Error)
    await reading?.catch(() => {})
    if (failure instanceof ScoringError || !isFormFault(failure)) throw failure
    throw invalidJob(`the form cannot be read: ${failure.message}`, { cause: failure })
  }
}

function openForm(contentType: string): InstanceType<typeof Busboy> {
  try {
    // curl sends what it reads from a file as a file: -F job=@job.json.
    const isPartAFile = (name: string | undefined) => name === 'file'
    return new Busboy({ headers: { 'content-type': contentType }, isPartAFile, limits })
  } catch (cause) {
    throw invalidJob(`Content-Type: ${(cause as Error).message}`, { cause })
  }
}

/** The parser's own failures have no code and no other class. */
function isFormFault(failure: unknown): failure is Error {
  return failure instanceof Error && failure.constructor === Error && !('code' in failure)
}
