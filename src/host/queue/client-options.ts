/** The only retries there are: those who call do not try again, except that they look into a queue again and again. */
export const clientOptions = {
  retryOptions: { maxTries: 3, tryTimeoutInMs: 30_000, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}
