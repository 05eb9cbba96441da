/**
 * `<name>/<version>/version.json`: what is known of a registered version beside its files. It is written last, so a version with
 * it is whole. Versions without it, as people copy them into a repository, are as good, but have no digests.
 */

export const recordFile = 'version.json'
/** Stands in the folder of a version while it is registered. A version with it and without a record is not finished. */
export const reservationFile = '.registering'

/** A file of a version. */
export interface VersionFile {
  /** From the folder of the version, with `/`. */
  readonly path: string
  readonly bytes: number
  /** Hexadecimal, in lower case; absent: the version was not registered. */
  readonly sha256?: string | undefined
}

/** Texts by name, such as `{"team": "risk"}`. */
export type Labels = Readonly<Record<string, string>>

export interface VersionRecord {
  /** ISO 8601. */
  readonly createdAt: string
  readonly description: string
  readonly tags: Labels
  /** As tags, but once set they stay. */
  readonly properties: Labels
  readonly files: readonly VersionFile[]
  /** When it was deleted, ISO 8601. Its number is not used again. */
  readonly deletedAt?: string | undefined
}

export function encodeRecord(record: VersionRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`
}

/** @returns undefined when the text is no record, but a file of the owner */
export function decodeRecord(text: string): VersionRecord | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const { createdAt, description = '', tags = {}, properties = {}, files, deletedAt } = (json ?? {}) as VersionRecord
  const isRecord =
    typeof createdAt === 'string' &&
    typeof description === 'string' &&
    isLabels(tags) &&
    isLabels(properties) &&
    Array.isArray(files) &&
    files.every(isFile) &&
    (deletedAt === undefined || typeof deletedAt === 'string')
  return isRecord ? { createdAt, description, tags, properties, files, deletedAt } : undefined
}

function isLabels(value: unknown): value is Labels {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every(text => typeof text === 'string')
}

function isFile(value: unknown): value is VersionFile {
  const { path, bytes, sha256 } = (value ?? {}) as VersionFile
  return typeof path === 'string' && typeof bytes === 'number' && /^[0-9a-f]{64}$/.test(sha256 ?? '')
}
