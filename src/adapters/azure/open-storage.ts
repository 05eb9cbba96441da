import type { BlobStore } from '../../jobs/blob-store.ts'
import type { MessageQueues } from '../../jobs/message-queues.ts'
import type { FindSignature } from './remote-url.ts'
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
 * @param findSignature  see `remote-url.ts`
 * @returns undefined when no storage is set
 * @throws StartupError when a setting is wrong
 */
export function openStorage(
  settings: StorageSettings,
  findSignature: FindSignature = () => undefined,
): (() => Promise<Storage>) | undefined {
  const address = readStorageAddress(settings)
  if (!address) return undefined
  let opened: Promise<Storage> | undefined
  const open = async () => {
    const { connectStorage } = (await import(entry.href)) as typeof import('./storage.ts')
    return connectStorage(address, findSignature)
  }
  return () => {
    opened ??= open()
    return opened
  }
}
