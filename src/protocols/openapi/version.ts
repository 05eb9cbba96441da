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
