import { Command, Option } from 'commander'
import { type KeyType, keyTypes } from '../../auth/key-names.ts'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions, openProject, type ProjectOptions } from '../project.ts'
import { UsageError } from '../usage-error.ts'
import type { RegenerateOptions } from '../workspace/keys.ts'
import { addWorkspaceOptions, withWorkspace } from './workspace-options.ts'

interface Options extends ProjectOptions {
  readonly key?: KeyType
  readonly json?: boolean
}

export function keysCommand(): Command {
  return new Command('keys')
    .summary('show and regenerate the keys of services')
    .description('The keys of the services, which callers send as "Authorization: Bearer <key>".')
    .usage('<command> [service]')
    .helpCommand(false)
    .addHelpText('after', describeExamples([['scoring keys show', 'the keys of all services']]))
    .addCommand(showCommand())
    .addCommand(regenerateCommand())
}

function showCommand(): Command {
  return addProjectOptions(new Command('show'))
    .summary('show the two keys of each service')
    .description(
      'Show the two keys of each service. On this machine they are in .local/keys.json; missing ones are made, as at the start of the services. Where KEY_VAULT_URL is set, the names of the secrets in the vault are shown.',
    )
    .argument('[service]', 'one service (default: all)')
    .addOption(new Option('--key <type>', 'print this key alone, for scripts').choices(keyTypes))
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring keys show', 'the keys of all services'],
        ['scoring keys show churn --key primary', 'one key alone'],
      ]),
    )
    .action(async (service: string | undefined, options: Options) => {
      if (options.key && service === undefined) throw new UsageError('--key needs the name of a service')
      if (options.key && options.json) throw new UsageError('--key and --json exclude each other')
      const { printKeys } = await import('../show-keys.ts')
      await printKeys(openProject(options), service, options)
    })
}

function regenerateCommand(): Command {
  return addWorkspaceOptions(new Command('regenerate'))
    .summary('replace a key of a service')
    .description(
      'Replace a key of a service, and print the new one. The other key stays valid, so that its callers are not interrupted.',
    )
    .argument('<service>', 'the service')
    .addOption(new Option('--key <type>', 'which key').choices(keyTypes).makeOptionMandatory())
    .addHelpText('after', describeExamples([['scoring keys regenerate churn --key secondary', 'the secondary key']]))
    .action((service: string, options: RegenerateOptions) =>
      withWorkspace(
        () => import('../workspace/keys.ts'),
        ({ regenerateKey }) => regenerateKey(service, options),
      ),
    )
}
