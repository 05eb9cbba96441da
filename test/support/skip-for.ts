/**
 * Returns the options of a test or suite that needs a tool. The reporter names the reason; with `CI=true` a skip is a failure.
 *
 * @param reason  what is missing and how to get it; false or undefined: nothing, and the test runs
 */
export function skipFor(reason: string | false | undefined): { skip: boolean; meta?: { skipReason: string } } {
  return reason ? { skip: true, meta: { skipReason: reason } } : { skip: false }
}

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string
  }
}
