import { ScoringError } from '../../errors.ts'

/** Versions of a service's OpenAPI document, as Azure ML's server names them. */
export const openApiVersions = ['2', '3', '3.1'] as const
export type OpenApiVersion = (typeof openApiVersions)[number]

/** Versions by the values of the query (guide/contract.md). */
const versionNames = new Map<string, OpenApiVersion>([
  ['2', '2'],
  ['2.0', '2'],
  ['3', '3'],
  ['3.0', '3'],
  ['3.1', '3.1'],
])

/** @returns undefined when there is no such version */
export function decodeVersion(asked: string): OpenApiVersion | undefined {
  return versionNames.get(asked)
}

/**
 * Returns the error for an unknown version, with Azure ML's message (guide/contract.md).
 *
 * @param available  versions in which this service can be described
 */
export function versionUnknown(asked: string, available: readonly OpenApiVersion[]): ScoringError {
  const supported = `Supported versions: [${available.join(', ')}].`
  return new ScoringError('OPENAPI_VERSION_UNKNOWN', `Swagger version [${asked}] is not valid. ${supported}`)
}

/** Returns the error for an input that this version cannot express, such as a choice between types in Swagger 2.0. */
export function versionUnsupported(asked: string, available: readonly OpenApiVersion[]): ScoringError {
  const supported = `Supported swagger versions: [${available.join(', ')}].`
  const message = `Swagger version [${asked}] is not supported for the scoring script. ${supported}`
  return new ScoringError('OPENAPI_VERSION_UNSUPPORTED', message)
}
