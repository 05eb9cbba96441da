import { brand } from '../errors.ts'

/** A workspace did not do what it was asked for. The message says why, for people. */
export class WorkspaceError extends Error {
  override readonly name: string = 'WorkspaceError'
}
brand(WorkspaceError, 'WorkspaceError')

/** A deployment that failed, or is not served in time. */
export class WebserviceError extends WorkspaceError {
  override readonly name = 'WebserviceError'
}
