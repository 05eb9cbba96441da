/** Wires what the main thread does for encrypted requests. A bundle of its own, read with the first of them. */
import { openStorage } from '../adapters/azure/open-storage.ts'
import type { StorageSettings } from '../adapters/azure/storage-address.ts'
import { readOwnStorage } from '../adapters/azure/storage-address.ts'
import { ScoringError } from '../errors.ts'
import type { EncryptedRequests } from '../inference/encrypted-requests.ts'
import { BlobChanged, BlobGone, type BlobStore, StorageError } from '../jobs/blob-store.ts'
import { concatBytes } from '../models/graph/protobuf.ts'
import { type KeyBlobs, PublicKeys } from '../protocols/encrypted/public-keys.ts'
import { readEncrypted } from '../protocols/encrypted/read-encrypted.ts'

/** Where the public keys of callers are. */
export interface KeyStorage {
  readonly container: string
  readonly storage: StorageSettings
  /** Proxies before the app whose word is taken for the address of a caller, by which keys are limited. */
  readonly trustedProxies: number
}

/** Of all services together: some 65 callers. */
const maxHeldBytes = 2 ** 28

/** @param keyStorage  undefined: the app has no storage, so requests that need public keys are refused */
export function createEncryptedRequests(keyStorage: KeyStorage | undefined): EncryptedRequests {
  const open = keyStorage && openStorage(keyStorage.storage)
  const storage = keyStorage && readOwnStorage(keyStorage.storage)
  const container = keyStorage?.container ?? ''
  let opened: Promise<PublicKeys> | undefined
  const publicKeys = () => {
    if (!open)
      throw new ScoringError(
        'PUBLIC_KEYS_UNAVAILABLE',
        'Public keys of encrypted inference need storage: AzureWebJobsStorage is not set.',
      )
    opened ??= open().then(
      ({ blobs }) =>
        new PublicKeys({ blobs: keyBlobs(blobs, container), maxBytes: maxHeldBytes, now: () => performance.now() }),
    )
    return opened
  }
  return {
    read: async (service, { encrypted }, request, takesBinary) => {
      if (!encrypted) return undefined
      const found = readEncrypted(request, encrypted, { container, storage })
      if (found.kind === 'plain') return undefined
      if (found.kind === 'fast') {
        const details = { encrypted: { kind: 'fast', isJson: found.isJson, isBinary: takesBinary } } as const
        return { ...request, details }
      }
      const keys = await knowingStorage(async () => (await publicKeys()).find(service, found.keyId))
      return { ...request, details: { encrypted: { kind: 'original', keys } } }
    },
    storeKeys: (service, { keyId, identifyCaller }, readBlob) => {
      const caller = identifyCaller(keyStorage?.trustedProxies ?? 0)
      return knowingStorage(async () => (await publicKeys()).store(service, { keyId, caller }, readBlob))
    },
  }
}

function keyBlobs(blobs: BlobStore, container: string): KeyBlobs {
  return {
    head: keyId => blobs.head({ container, path: keyId }),
    read: async (keyId, etag) => {
      const pieces: Uint8Array[] = []
      try {
        for await (const piece of blobs.read({ container, path: keyId }, etag)) pieces.push(piece)
      } catch (failure) {
        if (failure instanceof BlobGone || failure instanceof BlobChanged) return undefined
        throw failure
      }
      // A copy: the pieces may be parts of larger memory, and this moves to a worker.
      return concatBytes(pieces)
    },
    create: async (keyId, blob) => (await blobs.create({ container, path: keyId }, blob)) !== undefined,
  }
}

/** A failure of the storage is temporary: 503 instead of 500. */
async function knowingStorage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (failure) {
    if (!(failure instanceof StorageError)) throw failure
    console.error(`[encrypted] ${failure.message}`)
    const message = 'The storage of public keys is temporarily unavailable; try again later.'
    throw new ScoringError('PUBLIC_KEYS_UNAVAILABLE', message, { cause: failure })
  }
}
