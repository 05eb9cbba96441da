/** The caller of a service, as far as authorization needs it. */
export interface Caller {
  /**
   * The client's address; empty when unknown. Only called when needed.
   *
   * @param trustedProxies  proxies before the app whose word is taken for it; 0: the address of the connection
   */
  clientAddress(trustedProxies: number): string
  /** Only checks whether the credential is valid: nothing is counted and nothing is fetched. */
  readonly isDryRun: boolean
}

/** Decides whether a caller may use a service. Each way to protect a service has its own implementation. */
export interface Authorizer {
  /**
   * Checks a caller's credential. Returns a promise only if something must be fetched first; most calls are decided at once.
   *
   * @param authorization  the `Authorization` header
   * @throws ScoringError BEARER_MISSING, BEARER_MALFORMED or BEARER_REJECTED; TOO_MANY_WRONG_KEYS; KEYS_UNAVAILABLE or
   *   TOKEN_KEYS_UNAVAILABLE when the credential cannot be checked now; ROLE_MISSING for a valid token without the role
   */
  authorize(authorization: string | null, caller: Caller): void | Promise<void>
  /**
   * Counts a credential that a dry run rejected. Without this method nothing is counted.
   *
   * @throws ScoringError TOO_MANY_WRONG_KEYS when this one exceeds the limit
   */
  countWrong?(caller: Pick<Caller, 'clientAddress'>): void
  /** Whether credentials can be checked now; absent: always. */
  readonly isReady?: boolean
  /** Details for the health page: never a credential, nor anything that one could be checked against. */
  describe?(): object
}
