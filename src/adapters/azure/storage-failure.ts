import { StorageError } from '../../jobs/blob-store.ts'

/** What is known of a failed call, of the SDK's errors or of another kind. */
interface Failure {
  readonly name?: unknown
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly response?: { readonly headers?: { get(name: string): string | undefined } }
}

/** What to do about it, by the storage's code ("Common REST API error codes", "Blob service error codes"). */
const hints: Readonly<Record<string, string>> = {
  AuthenticationFailed: 'the storage does not take this key, token or signature',
  AuthorizationFailure: "the storage's firewall, or a signature without this permission, is in the way",
  AuthorizationPermissionMismatch:
    'the identity of the app needs the roles "Storage Blob Data Owner" and "Storage Queue Data Contributor" on the account, a signature needs the permission to read',
  ContainerBeingDeleted:
    'the container is being deleted; it can be made again once that is over, after half a minute or more',
  QueueBeingDeleted: 'the queue is being deleted; it can be made again once that is over, after half a minute or more',
  CredentialUnavailableError: 'no token for the identity of the app',
  AuthenticationRequiredError: 'no token for the identity of the app',
}

/**
 * Only numbers and names: an error of the SDK holds the request, and with it its address, which may carry a signature.
 *
 * @param what  e.g. `create the blob jobs/nightly/spec.json`
 */
export function storageError(what: string, failure: unknown, signal?: AbortSignal): StorageError {
  if (failure instanceof StorageError) return failure
  if (signal?.aborted) return new StorageError(`the storage did not ${what}: no answer in time`, 'timeout')
  const code = errorCode(failure) ?? 'unknown'
  const status = httpStatus(failure)
  const facts = [status === undefined ? undefined : `status ${status}`, code].filter(fact => fact !== undefined)
  const hint = Object.hasOwn(hints, code) ? `: ${hints[code]}` : ''
  return new StorageError(`the storage did not ${what}: ${facts.join(', ')}${hint}`, code)
}

/** HTTP status of the answer; undefined: there was none. */
export function httpStatus(failure: unknown): number | undefined {
  const { statusCode } = (failure ?? {}) as Failure
  return typeof statusCode === 'number' ? statusCode : undefined
}

/** `BlobNotFound`, `ECONNRESET`, `CredentialUnavailableError`: what looks like a code, and no text. */
export function errorCode(failure: unknown): string | undefined {
  const { response, code, name } = (failure ?? {}) as Failure
  const header = response?.headers?.get('x-ms-error-code')
  return [header, code, name].find((each): each is string => typeof each === 'string' && /^[A-Za-z_]{2,60}$/.test(each))
}
