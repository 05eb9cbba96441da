import { HostJsonSection } from '../host-json-section.ts'

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
  const section = new HostJsonSection('extensions.blobs', given)
  return {
    maxDegreeOfParallelism: section.wholeNumber('maxDegreeOfParallelism', { initial: 8 * processorCount, min: 1 }),
    poisonBlobThreshold: section.wholeNumber('poisonBlobThreshold', { initial: 5, min: 1 }),
  }
}
