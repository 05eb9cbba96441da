import { brand } from '../../errors.ts'

/** Why the registry refused; stable, for programs. */
export type RegistryErrorCode =
  | 'NAME_INVALID'
  | 'FILES_INVALID'
  | 'LABELS_INVALID'
  | 'VERSION_INVALID'
  | 'VERSION_EXISTS'
  | 'VERSION_UNKNOWN'
  | 'VERSION_IN_USE'
  | 'DIGEST_MISMATCH'
  | 'PROPERTY_SET'
  | 'SERVICE_EXISTS'
  | 'SERVICE_CHANGED'
  | 'CONFLICT'

/** The registry did not do what it was asked for. The message says why, for people. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: RegistryErrorCode

  constructor(code: RegistryErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
brand(RegistryError, 'RegistryError')

/** @param what  e.g. `churn:2` or `churn/service.json` */
export function changedByOthers(what: string): RegistryError {
  return new RegistryError('CONFLICT', `${what} is being changed by others again and again; try again`)
}
