import { StorageError } from '../../jobs/blob-store.ts'

/** Members of the SDK's errors, and of others. */
interface Failure {
  readonly name?: unknown
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly response?: { readonly headers?: { get(name: string): string | undefined } }
}

/** Hints for operators by the storage's code ("Common REST API error codes", "Blob service error codes"). */
const hints: Readonly<Record<string, string>> = {
  AuthenticationFailed: 'the storage rejects this key, token or signature',
  AuthorizationFailure: "the storage's firewall blocks the app, or the signature lacks this permission",
  AuthorizationPermissionMismatch:
    'the identity of the app needs the roles "Storage Blob Data Owner" and "Storage Queue Data Contributor" on the account, a signature needs the permission to read',
  ContainerBeingDeleted: 'the container is being deleted and can be created again in half a minute or more',
  QueueBeingDeleted: 'the queue is being deleted and can be created again in half a minute or more',
  CredentialUnavailableError: 'no token for the identity of the app',
  AuthenticationRequiredError: 'no token for the identity of the app',
}

/**
 * The message has only numbers and names. The SDK's own error holds the request, whose address may have a signature.
 *
 * @param what  e.g. `create the blob jobs/nightly/spec.json`
 */
export function storageError(what: string, failure: unknown, signal?: AbortSignal): StorageError {
  if (failure instanceof StorageError) return failure
  if (signal?.aborted) return new StorageError(`could not ${what}: no answer in time`, 'timeout')
  const code = errorCode(failure) ?? 'unknown'
  const status = httpStatus(failure)
  const facts = [status === undefined ? undefined : `status ${status}`, code].filter(fact => fact !== undefined)
  const hint = Object.hasOwn(hints, code) ? `: ${hints[code]}` : ''
  return new StorageError(`could not ${what}: ${facts.join(', ')}${hint}`, code)
}

/** @returns the HTTP status; undefined when there was no answer */
export function httpStatus(failure: unknown): number | undefined {
  const { statusCode } = (failure ?? {}) as Failure
  return typeof statusCode === 'number' ? statusCode : undefined
}

/** @returns a code such as `BlobNotFound`, `ECONNRESET` or `CredentialUnavailableError`, and never free text */
export function errorCode(failure: unknown): string | undefined {
  const { response, code, name } = (failure ?? {}) as Failure
  const header = response?.headers?.get('x-ms-error-code')
  return [header, code, name].find((each): each is string => typeof each === 'string' && /^[A-Za-z_]{2,60}$/.test(each))
}

/** For `NamedCall.known`: the time of an answer, whatever it says. */
export function answerDate(failure: unknown): { readonly is: { readonly date: Date } } | undefined {
  const date = ((failure ?? {}) as Failure).response?.headers?.get('date')
  return date === undefined ? undefined : { is: { date: new Date(date) } }
}
