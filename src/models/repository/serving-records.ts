import type { RepositoryFiles } from './repository-files.ts'
import { listVersionsIn } from './repository-layout.ts'
import { listModelVersions, type ServedVersions } from './used-files.ts'
import { decodeRecord, recordFile, type VersionRecord } from './version-record.ts'

/**
 * Reads the records without which a service cannot be served: those of its versions, and of the newest ones down to the first
 * that was not deleted. A model may have hundreds of others.
 *
 * @param listing  the files of the service, with paths from its folder
 * @param served  as `findServedVersions` tells
 * @returns by the number of the version
 */
export async function readServingRecords(
  files: Pick<RepositoryFiles, 'readText'>,
  { name, listing, served }: { name: string; listing: ReadonlyMap<string, unknown>; served: ServedVersions },
): Promise<Map<string, VersionRecord>> {
  const registered = new Set(
    listVersionsIn(listing).flatMap(({ version, isRegistered }) => (isRegistered ? [String(version)] : [])),
  )
  const records = new Map<string, VersionRecord>()
  const read = async (version: string) => {
    if (!registered.has(version) || records.has(version)) return
    const found = await files.readText(`${name}/${version}/${recordFile}`)
    const record = found && decodeRecord(found.text)
    if (record) records.set(version, record)
  }
  await Promise.all([...served.named].map(read))
  for (const version of listModelVersions(listing).reverse()) {
    await read(version)
    if (records.get(version)?.deletedAt === undefined) break
  }
  return records
}
