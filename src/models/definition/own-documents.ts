import { ServiceLoadError } from '../../errors.ts'

/**
 * Files beside service.json that the owner wrote in place of the generated OpenAPI documents, by version; the first that is
 * there is taken (guide/contract.md).
 */
export const ownDocumentFiles = {
  2: ['swagger.json', 'swagger2.json'],
  3: ['swagger3.json'],
  3.1: ['swagger3.1.json'],
} as const

/** Text of such files by version, served as it is. */
export type OwnDocuments = Readonly<Partial<Record<keyof typeof ownDocumentFiles, string>>>

/**
 * @param file  its name in messages, e.g. `iris/swagger.json`
 * @throws ServiceLoadError when the text is not a JSON object
 */
export function checkOwnDocument(file: string, text: string): string {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw new ServiceLoadError(`${file} is not JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return text
  throw new ServiceLoadError(`${file} must hold a JSON object, an OpenAPI document`)
}
