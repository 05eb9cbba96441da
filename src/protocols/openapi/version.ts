import { ScoringError } from '../../errors.ts'

/** Versions of the document that a service gives of itself, as Azure ML's server names them. */
export const openApiVersions = ['2', '3', '3.1'] as const
export type OpenApiVersion = (typeof openApiVersions)[number]

/** What the query may say (Azure ML contract, section 6). */
const versionNames = new Map<string, OpenApiVersion>([
  ['2', '2'],
  ['2.0', '2'],
  ['3', '3'],
  ['3.0', '3'],
  ['3.1', '3.1'],
])

/** The version that the query asks for; undefined when there is no such version. */
export function decodeVersion(asked: string): OpenApiVersion | undefined {
  return versionNames.get(asked)
}

/**
 * A version that is not there, in the words of Azure ML's server (contract, section 3).
 *
 * @param available  the versions that this service can be described in
 */
export function versionUnknown(asked: string, available: readonly OpenApiVersion[]): ScoringError {
  const supported = `Supported versions: [${available.join(', ')}].`
  return new ScoringError('OPENAPI_VERSION_UNKNOWN', `Swagger version [${asked}] is not valid. ${supported}`)
}

/** For an input that this version has no words for: Swagger 2.0 knows no choice between types. */
export function versionUnsupported(asked: string, available: readonly OpenApiVersion[]): ScoringError {
  const supported = `Supported swagger versions: [${available.join(', ')}].`
  const message = `Swagger version [${asked}] is not supported for the scoring script. ${supported}`
  return new ScoringError('OPENAPI_VERSION_UNSUPPORTED', message)
}
