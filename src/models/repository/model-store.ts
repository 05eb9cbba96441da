import type { OwnDocuments } from '../definition/own-documents.ts'
import type { ServiceSpec } from './service-spec.ts'

/** Where services and their models lie. Port: `adapters/local/folder-model-store.ts` implements it. */
export interface ModelStore {
  /** Names of all services there are, sorted. */
  listServices(): Promise<string[]>
  /** Names of what looks like a service and is none, for want of a definition, sorted. */
  listUndefined(): Promise<string[]>
  /**
   * Reads a service's definition and finds its files.
   *
   * @throws ServiceLoadError naming the file and key that the owner has to mend
   */
  openService(name: string): Promise<ServiceSpec>
  /**
   * OpenAPI documents that the owner wrote. Apart from the rest, because only who answers requests needs them, no thread.
   *
   * @throws ServiceLoadError naming the file that is no document
   */
  readDocuments(name: string): Promise<OwnDocuments>
}
