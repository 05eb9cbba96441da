import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { optimizeCommand } from './commands/optimize.ts'
import { startCommand } from './commands/start.ts'
import { helpStyle } from './help-style.ts'

/** The commands, in the order of `--help`. Each file holds the words of one; what it does is imported when it runs. */
const commands = [startCommand, optimizeCommand]

/** The whole command line. A parse that fails throws a CommanderError after it has printed one line. */
export function createProgram(): Command {
  const program = new Command('scoring')
    .description('Turn ONNX models into secured scoring services on Azure Functions.')
    .version(readVersion(), '-v, --version', 'show the version')
    .option('--debug', 'show the stack trace of an error')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp(helpStyle)
    .configureOutput({ outputError: (text, write) => write(text) })
    .showHelpAfterError('(see --help)')
    .exitOverride()
  for (const create of commands) program.addCommand(create().copyInheritedSettings(program))
  return program
}

function readVersion(): string {
  // Beside `dist` and `src` alike.
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
