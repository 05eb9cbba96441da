#!/usr/bin/env node
/** `npm create scoring-functions my-scoring`: the command `scoring init` by itself, so that npm downloads nothing else to run it. */
import { CommanderError } from 'commander'
import { initCommand } from '../src/cli/commands/init.ts'
import { exitCode } from '../src/cli/exit-code.ts'
import { helpStyle } from '../src/cli/help-style.ts'
import { describeSystemError } from '../src/cli/system-error.ts'
import { UsageError } from '../src/cli/usage-error.ts'

const command = initCommand()
  .name('npm create scoring-functions')
  .configureHelp(helpStyle)
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride()
try {
  await command.parseAsync()
} catch (failure) {
  if (failure instanceof CommanderError) {
    process.exitCode = failure.exitCode === 0 ? exitCode.ok : exitCode.usage
  } else {
    console.error(`error: ${describeSystemError(failure) ?? (failure as Error).message}`)
    process.exitCode = failure instanceof UsageError ? exitCode.usage : exitCode.failed
  }
}
