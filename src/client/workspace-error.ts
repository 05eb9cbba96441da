import { brand } from '../errors.ts'

/** A workspace did not do what it was asked for. The message says why, for people. */
export class WorkspaceError extends Error {
  override readonly name: string = 'WorkspaceError'
}
brand(WorkspaceError, 'WorkspaceError')
