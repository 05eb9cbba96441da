/** What messages about an invalid request are made with. */
import { ScoringError } from '../../errors.ts'

/** Most characters of a name that a message shows: a request may have names of any length. */
export const maxShown = 64

/** A name in quotes, as a message shows it. */
export function showName(name: string): string {
  return JSON.stringify(name.slice(0, maxShown))
}

export function invalidInput(what: string): ScoringError {
  return new ScoringError('INPUT_INVALID', what)
}
