/** What a test registers its cleaning up with: the context of a Vitest test, or a suite's own list. */
export interface Cleaner {
  onTestFinished(cleanUp: () => void | Promise<void>): void
}
