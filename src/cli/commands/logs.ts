import { Command } from 'commander'
import { describeExamples } from '../help-style.ts'
import type { LogOptions } from '../workspace/keys.ts'
import { addWorkspaceOptions, readWhole, withWorkspace } from './workspace-options.ts'

export function logsCommand(): Command {
  return addWorkspaceOptions(new Command('logs'))
    .summary('show the log of a service')
    .description(
      'Show the lines of the log that are about a service. On this machine "scoring start" writes them down.',
    )
    .argument('<service>', 'the service')
    .option('-n, --lines <count>', 'most lines to show', readWhole(1), 5000)
    .addHelpText('after', describeExamples([['scoring logs churn -n 20', 'the last 20 lines']]))
    .action((name: string, options: LogOptions) =>
      withWorkspace(
        () => import('../workspace/keys.ts'),
        ({ printLogs }) => printLogs(name, options),
      ),
    )
}

export function tokenCommand(): Command {
  return addWorkspaceOptions(new Command('token'))
    .summary('print an access token for a service')
    .description(
      'Print an access token of Microsoft Entra ID for a service that takes tokens. It is that of the account that is signed in on this machine.',
    )
    .argument('<service>', 'the service')
    .addHelpText('after', describeExamples([['scoring token churn', 'a token alone, for scripts']]))
    .action((name: string, options: LogOptions) =>
      withWorkspace(
        () => import('../workspace/keys.ts'),
        ({ printToken }) => printToken(name, options),
      ),
    )
}
