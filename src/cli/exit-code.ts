/** Exit codes of every command. */
export const exitCode = {
  ok: 0,
  /** The command ran and found something wrong, or could not do what was asked. */
  failed: 1,
  /** The arguments are wrong, so nothing was done. */
  usage: 2,
} as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]
