/** How `--help` and mistakes on the command line look. */
import { stripVTControlCharacters, styleText } from 'node:util'
import { type AddHelpTextContext, type Command, Help, type HelpConfiguration, type Option } from 'commander'

/** Commander takes the colours out where the output is no terminal, or NO_COLOR is set. */
const paint = (style: Parameters<typeof styleText>[0], text: string) =>
  styleText(style, text, { validateStream: false })

/** The options that most commands have, and come last. */
const placeOptions = ['--app', '--models', '--debug', '--help']

export const helpStyle: HelpConfiguration = {
  showGlobalOptions: false,
  styleTitle: text => paint('bold', text),
  styleCommandText: text => paint('cyan', text),
  styleSubcommandText: text => paint('cyan', text),
  styleOptionText: text => paint('cyan', text),
  // `keys <command>` and `score <service> [file]` rather than `[options]`: the list shows what is typed.
  subcommandTerm: command => (command.commands.length > 0 ? `${command.name()} <command>` : describeCall(command)),
  // What a command does comes before where it does it.
  visibleOptions(this: Help, command) {
    const rank = ({ long }: Option) => placeOptions.indexOf(long ?? '')
    return Help.prototype.visibleOptions.call(this, command).sort((a, b) => rank(a) - rank(b))
  },
  // The commands come before the options that all of them have.
  formatHelp: (command, helper) => {
    const sections = Help.prototype.formatHelp.call(helper, command, helper).trimEnd().split('\n\n')
    const isOptions = (section: string) => stripVTControlCharacters(section).startsWith('Options:')
    const isMoved = command.commands.length > 0
    const sorted = isMoved ? [...sections.filter(each => !isOptions(each)), ...sections.filter(isOptions)] : sections
    return `${sorted.join('\n\n')}\n`
  },
}

function describeCall(command: Command): string {
  const values = command.registeredArguments.map(each => {
    const name = each.name() + (each.variadic ? '...' : '')
    return each.required ? `<${name}>` : `[${name}]`
  })
  return [command.name(), ...values].join(' ')
}

/** The columns of help: those of the terminal, or 80 in a pipe. */
export const helpWidth = ({ command }: AddHelpTextContext) => command.configureOutput().getOutHelpWidth?.() ?? 80

/**
 * The examples at the end of a command's help. They are run by `npx`, which finds the command of a project; an explanation
 * that does not fit stands on the next line.
 *
 * @param examples  e.g. `['scoring start --port 8080', 'another port']`
 */
export function describeExamples(
  examples: readonly (readonly [command: string, what: string])[],
): (context: AddHelpTextContext) => string {
  return context => {
    const typed = examples.map(([command, what]) => [command.replaceAll(/(?<=^|\| )scoring /g, 'npx scoring '), what])
    const longest = Math.max(...typed.map(([command = '']) => command.length))
    const fits = typed.every(([, what = '']) => 4 + longest + what.length <= helpWidth(context))
    const lines = typed.map(([command = '', what]) =>
      fits ? `  ${command.padEnd(longest)}  ${what}` : `  ${command}\n      ${what}`,
    )
    return `\n${paint('bold', 'Examples:')}\n${lines.join('\n')}`
  }
}

/**
 * Makes one line of what commander says about wrong arguments.
 *
 * @param text  e.g. `error: unknown command 'strat'\n(Did you mean start?)\n`
 */
export function describeMistake(text: string, command: string): string {
  const [what = '', nearest] = text.trim().split('\n')
  const guess = nearest?.replace(/^\(Did you mean (.*)\?\)$/, '; did you mean $1?')
  return `${what.replace(/\.$/, '')}${guess ?? '.'} See "npx ${command} --help"\n`
}
