import { Command } from 'commander'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions } from '../project.ts'
import type { StartOptions } from '../start/start.ts'
import { UsageError } from '../usage-error.ts'

export function startCommand(): Command {
  return addProjectOptions(new Command('start'))
    .summary('run the services, with local storage and local keys')
    .description('Run the services of the project on this machine, with local storage and local keys.')
    .option(
      '-p, --port <number>',
      'port to listen on; 0 picks a free one (default: Host.LocalHttpPort in local.settings.json, or 7071)',
      readPort,
    )
    .option('--grpc-port <number>', 'a second port, for gRPC clients that expect one of its own', readGrpcPort)
    .option('--address <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--cert <file>', 'certificate (PEM) for HTTPS; needs --key')
    .option('--key <file>', 'private key (PEM) of the certificate')
    .option('--no-watch', 'do not load changed services again while they run')
    .option('--inspect [port]', 'let a debugger attach; 0 picks a free port (default: 9229)', readInspectPort)
    .option('--verbose', 'list all functions, and show every line of the log')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring start', 'http://localhost:7071'],
        ['scoring start --port 8080 --verbose', 'another port, more output'],
        ['scoring start --inspect', 'break points in scripts'],
        ['scoring start --cert cert.pem --key key.pem', 'HTTPS'],
      ]),
    )
    .action(async (options: StartOptions) => {
      const { start } = await import('../start/start.ts')
      process.exitCode = await start(options)
    })
}

const readPort = (text: string) => parsePort('--port', text)
const readGrpcPort = (text: string) => parsePort('--grpc-port', text)
const readInspectPort = (text: string) => parsePort('--inspect', text)

function parsePort(option: string, text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`${option} is "${text}", and must be a number from 0 to 65535`)
  return port
}
