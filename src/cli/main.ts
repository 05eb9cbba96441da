/** The command line: `npm start -- [command] [options]`. Without a command it runs `start`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from '../errors.ts'
import { findAppRoot } from './app-root.ts'
import { start, startHelp } from './start.ts'

const help = `Usage: npm start -- [command] [options]

Commands:
  start            run the scoring services on this machine (default)

${startHelp}
  -h, --help       show this help
  -v, --version    show the version
`

async function main([first, ...rest]: string[]): Promise<number> {
  const isCommand = first !== undefined && !first.startsWith('-')
  const args = isCommand ? rest : process.argv.slice(2)
  if (args.includes('--version') || args.includes('-v')) {
    console.log(JSON.parse(readFileSync(join(findAppRoot(), 'package.json'), 'utf8')).version)
    return 0
  }
  if (first === 'help' || args.includes('--help') || args.includes('-h')) {
    console.log(help)
    return 0
  }
  if (isCommand && first !== 'start') {
    console.error(`error: unknown command "${first}"; see --help`)
    return 1
  }
  return start(args)
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}) // `npm start | head`
main(process.argv.slice(2)).then(
  code => process.exit(code),
  error => {
    const isPlain = error instanceof StartupError
    console.error(`error: ${isPlain ? error.message : (error?.stack ?? error)}`)
    process.exit(1)
  },
)
