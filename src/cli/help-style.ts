import { styleText } from 'node:util'
import type { HelpConfiguration } from 'commander'

/** How `--help` looks. Commander takes the colours out where the output is no terminal, or NO_COLOR is set. */
export const helpStyle: HelpConfiguration = {
  showGlobalOptions: false,
  styleTitle: text => styleText('bold', text, { validateStream: false }),
  styleCommandText: text => styleText('cyan', text, { validateStream: false }),
  styleSubcommandText: text => styleText('cyan', text, { validateStream: false }),
  styleOptionText: text => styleText('cyan', text, { validateStream: false }),
}

/** The examples at the end of a command's help. */
export function describeExamples(examples: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...examples.map(([command]) => command.length))
  const lines = examples.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)
  return `\nExamples:\n${lines.join('\n')}`
}
