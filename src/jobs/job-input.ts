import type { ReadablePlace } from './blob-store.ts'
import type { ReadInput } from './input/text-source.ts'
import { placeOf, signaturePlace } from './job-layout.ts'
import type { JobSpec } from './job-spec.ts'
import type { JobTools } from './job-tools.ts'

/** @returns reads the version of the input that the job was submitted with; throws BlobGone, BlobChanged */
export async function openInput(tools: JobTools, spec: JobSpec): Promise<ReadInput> {
  const place = await readablePlace(tools, spec)
  return range => tools.store.read(place, spec.input.etag, range)
}

async function readablePlace({ store }: JobTools, { jobId, input }: JobSpec): Promise<ReadablePlace> {
  if ('blob' in input.place) return placeOf(input.place.blob)
  // A secret, so it is not in the spec.
  const signature = await store.readWhole(signaturePlace(jobId))
  const url = new URL(input.place.url)
  if (signature) url.search = Buffer.from(signature.content).toString()
  return { url: url.href }
}
