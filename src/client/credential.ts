/** What callers show to a service. */
import type { Workspace } from './workspace.ts'

/** A key or token, or where to get one. */
export interface CredentialSource {
  /** @returns undefined for a public service */
  read(signal: AbortSignal): Promise<string | undefined>
}

/** A vault or Entra ID that does not answer holds no request up for longer. */
const readTimeoutMs = 30_000

/** Remembers a credential for all requests of a service, and reads it again when the service has rejected it. */
export class Credential {
  readonly #source: CredentialSource
  #current: Promise<string | undefined> | undefined

  constructor(source: CredentialSource) {
    this.#source = source
  }

  /** The credential that was read last. Requests that come at the same time share one read, which outlives each of them. */
  get(signal: AbortSignal): Promise<string | undefined> {
    this.#current ??= this.#read()
    return orAbort(this.#current, signal)
  }

  #read(): Promise<string | undefined> {
    const reading = this.#source.read(AbortSignal.timeout(readTimeoutMs))
    // A failed read is not remembered.
    reading.catch(() => {
      if (this.#current === reading) this.#current = undefined
    })
    return reading
  }

  /**
   * Reads again after a 401.
   *
   * @param rejected  what the service did not take
   * @returns undefined when there is nothing else than that
   */
  async replace(rejected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    // Another request may have read it again meanwhile.
    const known = await this.get(signal)
    if (known !== rejected) return known
    this.#current = undefined
    const fresh = await this.get(signal)
    return fresh === rejected ? undefined : fresh
  }

  /** Makes the next request read again. */
  forget(): void {
    this.#current = undefined
  }
}

/** The credential that the service wants; a service that is not in the workspace may have keys all the same. */
export async function readCredential(
  { store }: Workspace,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const record = await store.readService(name)
  if (record?.auth === 'none') return undefined
  if (record?.auth === 'token') return (await store.getToken(name, signal)).token
  const { primary, secondary } = await store.getKeys(name, signal)
  return primary ?? secondary
}

/** Rejects as soon as the signal aborts. */
async function orAbort<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
