/** What messages about an invalid request are made with. */
import { ScoringError } from '../../errors.ts'

export function invalidInput(what: string): ScoringError {
  return new ScoringError('INPUT_INVALID', what)
}
