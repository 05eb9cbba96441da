import { maxKeyBytes } from '../../encrypted/ckks/parameters.ts'
import { preparedKeyBytes } from '../../encrypted/ckks/prepared-keys.ts'
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { PublicKeyMetrics } from '../../telemetry/public-key-metrics.ts'
import { PublicKeyQuota } from './public-key-quota.ts'

/** Port: the blobs with public keys, by key id. They are all in one container of the app's own storage. */
export interface KeyBlobs {
  /** @returns undefined when there are no such keys */
  head(keyId: string): Promise<{ readonly bytes: number; readonly etag: string } | undefined>
  /** @returns undefined when that version is gone */
  read(keyId: string, etag: string): Promise<Uint8Array | undefined>
  /** @returns false when there are keys of that id, which are not changed */
  create(keyId: string, blob: Uint8Array): Promise<boolean>
}

interface PublicKeysOptions {
  readonly blobs: KeyBlobs
  /** Most bytes of prepared keys to hold. */
  readonly maxBytes: number
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/** Prepared keys, in memory that all workers share. */
interface Entry {
  readonly keys: SharedArrayBuffer
  readonly etag: string
  readonly checkedAt: number
  /** Of the service that they are for. */
  readonly metrics: PublicKeyMetrics | undefined
}

/** Keys that were refused, and need not be read again while they are the same. */
interface Refusal {
  readonly etag: string
  readonly failure: ScoringError
}

/** Who wants to store which keys. */
export interface NewKeys {
  readonly keyId: string
  /** As `identifyCaller` names it. */
  readonly caller: string
}

/** Keys are held this long before the storage is asked whether they are still the same. */
const freshMs = 60_000
/** Each holds up to 11 MB while it is checked. */
const maxLoading = 8
const maxRefusals = 1000

/** Reads, checks, prepares and holds public keys; those used longest ago go first. */
export class PublicKeys {
  readonly #options: PublicKeysOptions
  /** By service and key id, in the order of their last use. */
  readonly #entries = new Map<string, Entry>()
  readonly #loading = new Map<string, Promise<SharedArrayBuffer>>()
  readonly #refusals = new Map<string, Refusal>()
  readonly #quota: PublicKeyQuota

  constructor(options: PublicKeysOptions) {
    this.#options = options
    this.#quota = new PublicKeyQuota(options.now)
  }

  /** Bytes of the keys that are held. */
  get bytes(): number {
    return this.#entries.size * preparedKeyBytes
  }

  /** @throws ScoringError PUBLIC_KEYS_UNKNOWN, INPUT_INVALID, QUEUE_FULL, or as the service does; StorageError */
  find(service: ScoringService, keyId: string): Promise<SharedArrayBuffer> {
    const name = entryName(service, keyId)
    const metrics = service.metrics?.publicKeys
    const entry = this.#entries.get(name)
    if (entry && this.#options.now() - entry.checkedAt < freshMs) {
      metrics?.hits.add()
      this.#hold(name, entry)
      return Promise.resolve(entry.keys)
    }
    metrics?.misses.add()
    let loading = this.#loading.get(name)
    if (!loading) {
      if (this.#loading.size >= maxLoading)
        throw new ScoringError(
          'QUEUE_FULL',
          'The public keys of other callers are being read; try again in a moment.',
          {
            retryAfterSeconds: 1,
          },
        )
      loading = this.#load(service, keyId, entry).then(
        loaded => {
          this.#hold(name, loaded)
          return loaded.keys
        },
        failure => {
          this.#drop(name)
          throw failure
        },
      )
      this.#loading.set(name, loading)
      const done = () => this.#loading.delete(name)
      loading.then(done, done)
    }
    return loading
  }

  /** @throws ScoringError PUBLIC_KEYS_EXIST, TOO_MANY_PUBLIC_KEYS, INPUT_INVALID, or as the service does; StorageError */
  async store(service: ScoringService, { keyId, caller }: NewKeys, readBlob: () => Promise<Uint8Array>): Promise<void> {
    const { blobs } = this.#options
    this.#quota.take(service.name, caller)
    try {
      if (await blobs.head(keyId)) throw keysExist(keyId)
      const blob = await readBlob()
      await prepare(service, blob.slice()) // the copy moves to a worker
      if (!(await blobs.create(keyId, blob))) throw keysExist(keyId)
    } catch (failure) {
      this.#quota.giveBack(service.name)
      throw failure
    }
  }

  async #load(service: ScoringService, keyId: string, known: Entry | undefined): Promise<Entry> {
    const { blobs, now } = this.#options
    const head = await blobs.head(keyId)
    if (head && known?.etag === head.etag) return { ...known, checkedAt: now() }
    if (head && head.bytes > maxKeyBytes)
      throw new ScoringError(
        'INPUT_INVALID',
        `key_id: the public keys have ${head.bytes} bytes, more than ${maxKeyBytes}.`,
      )
    const name = entryName(service, keyId)
    const refusal = this.#refusals.get(name)
    if (head && refusal?.etag === head.etag) throw refusal.failure
    const blob = head && (await blobs.read(keyId, head.etag))
    if (!blob)
      throw new ScoringError(
        'PUBLIC_KEYS_UNKNOWN',
        `key_id: no public keys are stored under ${keyId}; upload what get_public_keys() returns first.`,
      )
    const { etag } = head
    try {
      const keys = await prepare(service, blob)
      return { keys, etag, checkedAt: now(), metrics: service.metrics?.publicKeys }
    } catch (failure) {
      if (failure instanceof ScoringError && failure.code === 'INPUT_INVALID') this.#refuse(name, { etag, failure })
      throw failure
    }
  }

  #hold(name: string, entry: Entry): void {
    this.#drop(name)
    this.#entries.set(name, entry)
    entry.metrics?.hold(preparedKeyBytes)
    for (const [oldest, { metrics }] of this.#entries) {
      if (this.bytes <= this.#options.maxBytes || this.#entries.size === 1) break
      this.#drop(oldest)
      metrics?.evictions.add()
    }
  }

  #drop(name: string): void {
    this.#entries.get(name)?.metrics?.drop(preparedKeyBytes)
    this.#entries.delete(name)
  }

  #refuse(name: string, refusal: Refusal): void {
    this.#refusals.delete(name)
    this.#refusals.set(name, refusal)
    const [oldest] = this.#refusals.keys()
    if (this.#refusals.size > maxRefusals && oldest !== undefined) this.#refusals.delete(oldest)
  }
}

const entryName = (service: ScoringService, keyId: string) => `${service.name} ${keyId}`

/** Checks and prepares keys in a worker of the service. @throws ScoringError */
async function prepare(service: ScoringService, blob: Uint8Array): Promise<SharedArrayBuffer> {
  const target = new SharedArrayBuffer(preparedKeyBytes)
  const details = { encrypted: { kind: 'keys', target } } as const
  const result = await service.submitOwn({ codec: 'azureml', body: blob, contentType: undefined, details })
  if (result.kind === 'failure') throw new ScoringError(result.code, result.message, result)
  return target
}

function keysExist(keyId: string): ScoringError {
  return new ScoringError('PUBLIC_KEYS_EXIST', `Public keys are stored under ${keyId} already; they are not replaced.`)
}
