import { CommanderError } from 'commander'
import { ServiceLoadError, StartupError } from '../errors.ts'
import { exitCode } from './exit-code.ts'
import { createProgram } from './program.ts'
import { describeSystemError } from './system-error.ts'
import { UsageError } from './usage-error.ts'

/** Why what was printed has not arrived, e.g. a full disk. */
let outputFailure: Error | undefined

/** Runs a command and ends the process with its exit code: threads and sockets of a command never hold it up. */
export async function main(args: string[]): Promise<void> {
  process.stderr.on('error', () => {})
  process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
    if (failure.code !== 'EPIPE') outputFailure = failure // `scoring check | head` has what it wants
  })
  const program = createProgram()
  try {
    await program.parseAsync(args, { from: 'user' })
    await end(process.exitCode ?? exitCode.ok)
  } catch (failure) {
    await end(report(failure, args.includes('--debug')))
  }
}

/** Prints a failure as one line, with its stack only for `--debug` or where the failure is a fault of ours. */
function report(failure: unknown, hasStack: boolean): number {
  // Help and version were printed, or commander has printed what is wrong.
  if (failure instanceof CommanderError) return failure.exitCode === 0 ? exitCode.ok : exitCode.usage
  const isUsage = failure instanceof UsageError
  const isPlain = isUsage || failure instanceof StartupError || failure instanceof ServiceLoadError
  const { message, stack } = failure instanceof Error ? failure : { message: String(failure), stack: undefined }
  const ofSystem = isPlain ? undefined : describeSystemError(failure)
  console.error(`error: ${ofSystem ?? message}`)
  if (hasStack) console.error(stack)
  else if (!isPlain && ofSystem === undefined)
    console.error('This is not expected; run the command again with --debug to see where it happens.')
  return isUsage ? exitCode.usage : exitCode.failed
}

/** A pipe takes what was written before the process ends. */
async function end(code: number | string): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(stream => new Promise(done => stream.write('', done))))
  process.exit(outputFailure && code === exitCode.ok ? report(outputFailure, false) : code)
}
