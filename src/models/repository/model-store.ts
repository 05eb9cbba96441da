import type { OwnDocuments } from '../definition/own-documents.ts'
import type { ServiceSpec } from './service-spec.ts'
import type { FileVersions, StoreFiles } from './store-changes.ts'

/**
 * Reads services and their models. This is a port: `adapters/local/folder-model-store.ts` implements it, and
 * `adapters/azure/remote-model-store.ts` for repositories that are elsewhere.
 */
export interface ModelStore {
  /** Where it is, for messages. */
  readonly location: string
  /** Services are opened from copies, which do not change; their models come with `fetch`. Absent: they are files already. */
  readonly isElsewhere?: boolean
  /** Names of all services there are, sorted. */
  listServices(): Promise<string[]>
  /** @returns sorted names of what has a model and lacks a definition */
  listUndefined(): Promise<string[]>
  /**
   * Reads a service's definition and finds its files.
   *
   * @throws ServiceLoadError naming the file and key that the owner has to fix
   */
  openService(name: string): Promise<ServiceSpec>
  /**
   * Reads the OpenAPI documents that the owner wrote. `openService` leaves them out because workers do not need them.
   *
   * @throws ServiceLoadError naming the file that is no document
   */
  readDocuments(name: string): Promise<OwnDocuments>
  /** Reads which files there are, and their versions, without their contents. Files of editors and of the system are left out. */
  readFiles(): Promise<StoreFiles>
  /** The same of one service. @throws Error when it cannot be read */
  readServiceFiles(name: string): Promise<FileVersions>
  /** Leaves out files that a service does not need as it is served now. Absent: all are needed. */
  selectServed?(name: string, files: FileVersions): FileVersions
  /** Gets the files that are not here yet, before workers load them. @throws Error; it can be tried again */
  fetch?(spec: ServiceSpec): Promise<void>
  /** Keeps the files of a service for one more user. Who opens a service is its first user. */
  hold?(spec: ServiceSpec): void
  /** Called by a user who needs the files no longer. */
  release?(spec: ServiceSpec): Promise<void>
}

/** What its owner is told about a folder with a model and without a definition. */
export function describeUndefined(name: string): string {
  return `"${name}" has a model but no service.json, so it is not served; {} is enough`
}
