import type { BlobStore } from '../../jobs/blob-store.ts'
import type { MessageQueues } from '../../jobs/message-queues.ts'
import { readStorageAddress, type StorageSettings } from './storage-address.ts'

/** The storage account of the app. */
export interface Storage {
  readonly blobs: BlobStore
  readonly queues: MessageQueues
}

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './storage.ts' : './storage.cjs', import.meta.url)

/**
 * Checks the settings at once. Azure's SDKs are loaded on first use.
 *
 * @returns undefined when no storage is set
 * @throws StartupError when a setting is wrong
 */
export function openStorage(settings: StorageSettings): (() => Promise<Storage>) | undefined {
  const address = readStorageAddress(settings)
  if (!address) return undefined
  let opened: Promise<Storage> | undefined
  const open = async () => {
    const { connectStorage } = (await import(entry.href)) as typeof import('./storage.ts')
    return connectStorage(address)
  }
  return () => {
    opened ??= open()
    return opened
  }
}
