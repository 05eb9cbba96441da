import type { EncryptedRequests } from '../inference/encrypted-requests.ts'
import type { KeyStorage } from './encrypted-requests.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? './encrypted-requests.ts' : './encrypted-requests.cjs',
  import.meta.url,
)

/** @returns what loads its code with the first request of a service that takes encrypted features */
export function openEncrypted(keyStorage: KeyStorage | undefined): () => Promise<EncryptedRequests> {
  let opened: Promise<EncryptedRequests> | undefined
  const load = async () => {
    const { createEncryptedRequests } = (await import(entry.href)) as typeof import('./encrypted-requests.ts')
    return createEncryptedRequests(keyStorage)
  }
  return () => {
    opened ??= load()
    return opened
  }
}
