import { StartupError } from '../../errors.ts'

/** `extensions.blobs` of host.json. */
export interface BlobSettings {
  /** Runs of a function at a time. */
  readonly maxDegreeOfParallelism: number
  /** Runs of a blob before it is poison. */
  readonly poisonBlobThreshold: number
}

/**
 * Reads `extensions.blobs` by the rules and with the defaults of the storage extension. (azure-sdk-for-net BlobsOptions)
 *
 * @throws StartupError that names the setting, its value and what it may be
 */
export function readBlobSettings(given: unknown, processorCount: number): BlobSettings {
  const section = given ?? {}
  if (typeof section !== 'object' || Array.isArray(section))
    throw new StartupError(`host.json: extensions.blobs is ${JSON.stringify(section)}, and must be an object`)
  const read = (name: string, initial: number) => {
    const value = (section as Readonly<Record<string, unknown>>)[name] ?? initial
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value
    throw new StartupError(
      `host.json: extensions.blobs.${name} is ${JSON.stringify(value)}, and must be a whole number, 1 or more`,
    )
  }
  return {
    maxDegreeOfParallelism: read('maxDegreeOfParallelism', 8 * processorCount),
    poisonBlobThreshold: read('poisonBlobThreshold', 5),
  }
}
