/** Lets callers of a service in, or not. One for each way a service can be locked. */
export interface Authorizer {
  /**
   * Checks what a caller shows. A promise only where something has to be fetched first: most calls are answered at once.
   *
   * @param authorization  the `Authorization` header
   * @throws ScoringError BEARER_MISSING or BEARER_REJECTED; for tokens also ROLE_MISSING or TOKEN_KEYS_UNAVAILABLE
   */
  authorize(authorization: string | null): void | Promise<void>
}
