import { type Command, InvalidArgumentError } from 'commander'
import { addProjectOptions } from '../project.ts'

/** Adds the options that `openWorkspace` reads. */
export function addWorkspaceOptions(command: Command): Command {
  return addProjectOptions(command)
    .option('--url <address>', 'address of the app (default: SCORING_URL, or the one that "scoring start" runs here)')
    .option('--json', 'print JSON')
}

/**
 * Runs a command; failures that its user can do something about become one line.
 *
 * @param load  loads what the command does
 */
export async function withWorkspace<Module, Result>(
  load: () => Promise<Module>,
  work: (module: Module) => Promise<Result>,
): Promise<Result> {
  const { withPlainErrors } = await import('../workspace/open.ts')
  return withPlainErrors(async () => work(await load()))
}

/** @throws InvalidArgumentError */
export function readLabel(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals === 0) throw new InvalidArgumentError('It has no name; write e.g. team=risk.')
  return equals < 0 ? { ...before, [text]: '' } : { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}

/** @throws InvalidArgumentError */
export function readWhole(least: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^-?\d{1,15}$/.test(text) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least}.`)
  }
}
