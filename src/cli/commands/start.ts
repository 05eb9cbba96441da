import { Command } from 'commander'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions } from '../project.ts'
import type { StartOptions } from '../start.ts'
import { UsageError } from '../usage-error.ts'

export function startCommand(): Command {
  return addProjectOptions(new Command('start'))
    .description('Run the services of the project on this machine, with local storage and local keys.')
    .option(
      '-p, --port <number>',
      'port to listen on; 0 picks a free one (default: Host.LocalHttpPort in local.settings.json, or 7071)',
      readPort,
    )
    .option('--address <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--cert <file>', 'certificate (PEM) for HTTPS; needs --key')
    .option('--key <file>', 'private key (PEM) of the certificate')
    .option('--verbose', 'log every request')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring start', 'http://localhost:7071'],
        ['scoring start --port 8080 --verbose', 'another port, and a line for each request'],
        ['scoring start --cert cert.pem --key key.pem', 'HTTPS'],
      ]),
    )
    .action(async (options: StartOptions) => {
      const { start } = await import('../start.ts')
      process.exitCode = await start(options)
    })
}

function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`--port is "${text}", and must be a number from 0 to 65535`)
  return port
}
