import { Command } from 'commander'
import { addCommand } from './commands/add.ts'
import { checkCommand } from './commands/check.ts'
import { completeCommand, completionCommand } from './commands/completion.ts'
import { doctorCommand } from './commands/doctor.ts'
import { infraCommand } from './commands/infra.ts'
import { initCommand } from './commands/init.ts'
import { jobsCommand } from './commands/jobs.ts'
import { keysCommand } from './commands/keys.ts'
import { logsCommand, tokenCommand } from './commands/logs.ts'
import { modelsCommand } from './commands/models.ts'
import { optimizeCommand } from './commands/optimize.ts'
import { packageCommand } from './commands/package.ts'
import { scoreCommand } from './commands/score.ts'
import { deployCommand, servicesCommand, trafficCommand } from './commands/services.ts'
import { startCommand } from './commands/start.ts'
import { describeExamples, describeMistake, helpStyle } from './help-style.ts'
import { readVersion } from './manifest.ts'

/**
 * The commands by the headings of `--help`, in its order. Each file holds the words of one; what it does is imported when
 * it runs.
 */
const commands: readonly (readonly [heading: string, create: () => Command])[] = [
  ['Make:', initCommand],
  ['Make:', addCommand],
  ['Try:', startCommand],
  ['Try:', scoreCommand],
  ['Try:', keysCommand],
  ['Models and services:', modelsCommand],
  ['Models and services:', deployCommand],
  ['Models and services:', servicesCommand],
  ['Models and services:', trafficCommand],
  ['Models and services:', jobsCommand],
  ['Models and services:', logsCommand],
  ['Models and services:', tokenCommand],
  ['Before a deployment:', checkCommand],
  ['Before a deployment:', optimizeCommand],
  ['Before a deployment:', packageCommand],
  ['Before a deployment:', infraCommand],
  ['Help:', doctorCommand],
  ['Help:', completionCommand],
]

const conventions = `
With --json, a command prints one JSON document on stdout, messages on stderr.
Exit codes: 0 success; 1 failure, or a check found an error; 2 wrong arguments.
Colours are off in a pipe and with NO_COLOR=1.`

/** The whole command line. A parse that fails throws a CommanderError after it has printed one line. */
export function createProgram(): Command {
  const program = new Command('scoring')
    .usage('<command> [options]')
    .description('Turn ONNX models into secured scoring services on Azure Functions.')
    .version(readVersion(), '-v, --version', 'show the version')
    .option('--debug', 'show the stack trace of an error, with any command')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .configureHelp(helpStyle)
    .exitOverride()
    .addHelpText(
      'after',
      describeExamples([
        ['scoring start', 'run the services of this project'],
        ['scoring keys show', 'show their keys'],
        ['scoring start --help', 'the options of a command, with examples'],
      ]),
    )
    .addHelpText('after', conventions)
  program.configureOutput(explainMistakes('scoring'))
  for (const [heading, create] of commands) {
    const command = create().helpGroup(heading)
    inherit(command, program, `scoring ${command.name()}`)
    program.addCommand(command)
  }
  program.addCommand(helpCommand(program).copyInheritedSettings(program).helpGroup('Help:'))
  return program.addCommand(completeCommand(program), { hidden: true })
}

/** Commander's own help command knows no commands of commands, and answers an unknown one with the help of all. */
function helpCommand(program: Command): Command {
  return new Command('help')
    .description('show the help of a command')
    .argument('[command...]', 'e.g. keys show')
    .action((names: string[]) => {
      let command = program
      for (const name of names) {
        const next = command.commands.find(each => each.name() === name)
        if (!next) program.error(`error: unknown command '${names.join(' ')}'`)
        command = next
      }
      command.help()
    })
}

function inherit(command: Command, parent: Command, path: string): void {
  command.copyInheritedSettings(parent).configureOutput(explainMistakes(path))
  for (const each of command.commands) inherit(each, command, `${path} ${each.name()}`)
}

function explainMistakes(path: string) {
  return { outputError: (text: string, write: (text: string) => void) => write(describeMistake(text, path)) }
}
