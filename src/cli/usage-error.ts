import { brand } from '../errors.ts'

/** A mistake in the arguments of a command; shown as one line, and the command ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
brand(UsageError, 'UsageError')
