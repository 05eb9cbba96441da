import { ScoringError } from '../errors.ts'

/** The token is whole and meant for this service, but does not say that its bearer may score: 403. */
export class RoleMissing extends ScoringError {
  readonly role: string

  constructor(role: string) {
    super('ROLE_MISSING', `The token grants neither the app role nor the scope "${role}".`)
    this.role = role
  }
}

/** Says the same whatever is wrong, so that nobody learns how far a forgery got. */
export function tokenRejected(): ScoringError {
  return new ScoringError('BEARER_REJECTED', 'The token is not valid for this service.')
}
