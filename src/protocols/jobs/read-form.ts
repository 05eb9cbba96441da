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

/** Of all fields together, which are held in memory. */
const maxFieldBytes = 2 ** 20
const limits = { fieldNameSize: 200, fieldSize: maxFieldBytes, fields: 100, files: 2, parts: 110, headerPairs: 100 }

/**
 * Reads a form whose field `file` is a file.
 *
 * @param contentType  with the boundary
 * @param readFile  called at most once; the rest of the form waits for it
 * @returns the other fields, in order
 * @throws ScoringError JOB_INVALID when it is no form, has two files, or too many fields; what `body` and `readFile` throw
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
  let fieldBytes = 0
  form.on('field', (name, value, isNameCut, isCut) => {
    fieldBytes += name.length + value.length
    if (isNameCut || isCut || fieldBytes > maxFieldBytes) form.destroy(tooLong(name))
    else fields.push([name, value])
  })
  // The parser would leave out the rest.
  for (const limit of ['fieldsLimit', 'partsLimit'] as const)
    form.on(limit, () => form.destroy(invalidJob(`the form has more than ${limits.fields} fields; leave some out`)))
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

function tooLong(name: string): ScoringError {
  const what = `${name.slice(0, 60)}: is too long, or the fields before it are`
  return invalidJob(`${what}: they have ${maxFieldBytes} bytes at most; rows are sent as the file, in the field "file"`)
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
