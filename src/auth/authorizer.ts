/** Who asks, and whether it counts. */
export interface Caller {
  /** The client's address as the socket or the front end knows it; empty when nobody knows. Only called when needed. */
  clientAddress(): string
  /** Somebody only wants to know whether the credential would open: nothing is counted, and nothing fetched for it. */
  readonly isDryRun: boolean
}

/** Lets callers of a service in, or not. One for each way a service can be locked. */
export interface Authorizer {
  /**
   * Checks what a caller shows. A promise only where something has to be fetched first: most calls are answered at once.
   *
   * @param authorization  the `Authorization` header
   * @throws ScoringError BEARER_MISSING, BEARER_MALFORMED or BEARER_REJECTED; TOO_MANY_WRONG_KEYS; KEYS_UNAVAILABLE or
   *   TOKEN_KEYS_UNAVAILABLE when nobody can tell now; ROLE_MISSING for a token that is good but not for this
   */
  authorize(authorization: string | null, caller: Caller): void | Promise<void>
  /**
   * Counts a credential that a probe found wrong; absent: nothing is counted.
   *
   * @throws ScoringError TOO_MANY_WRONG_KEYS when this one is over the limit
   */
  countWrong?(caller: Pick<Caller, 'clientAddress'>): void
  /** Whether it can tell good credentials from bad ones now; absent: always. */
  readonly isReady?: boolean
  /** What the health page shows of it; never a credential, nor what could be checked against one. */
  describe?(): object
}
