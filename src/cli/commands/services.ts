import { Command, Option } from 'commander'
import { describeExamples } from '../help-style.ts'
import type { WorkspaceOptions } from '../workspace/open.ts'
import type { DeployOptions, ServiceListOptions, TrafficOptions } from '../workspace/services.ts'
import { addWorkspaceOptions, readLabel, readWhole, withWorkspace } from './workspace-options.ts'

export function servicesCommand(): Command {
  return new Command('services')
    .summary('list, show and delete services')
    .description('The services of the workspace, with what the app says of them.')
    .usage('<command> [options]')
    .helpCommand(false)
    .addHelpText('after', describeExamples([['scoring services list', 'all services, with their state']]))
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(deleteCommand())
}

function listCommand(): Command {
  return addWorkspaceOptions(new Command('list'))
    .summary('list services')
    .description('List the services, with their state, the version that is served, and who may call.')
    .option('-m, --model <name>', 'only those that run this model')
    .option('-t, --tag <name=value>', 'only those with this tag; may be repeated', readLabel)
    .addHelpText('after', describeExamples([['scoring services list --model churn', 'those that run churn']]))
    .action((options: ServiceListOptions) =>
      withWorkspace(
        () => import('../workspace/services.ts'),
        ({ listServices }) => listServices(options),
      ),
    )
}

function showCommand(): Command {
  return addWorkspaceOptions(new Command('show'))
    .summary('show a service')
    .description('Show a service: its state and why, its addresses, models and notes.')
    .argument('<service>', 'the service')
    .addHelpText('after', describeExamples([['scoring services show churn', 'the state of churn']]))
    .action((name: string, options: WorkspaceOptions) =>
      withWorkspace(
        () => import('../workspace/services.ts'),
        ({ showService }) => showService(name, options),
      ),
    )
}

function deleteCommand(): Command {
  return addWorkspaceOptions(new Command('delete'))
    .summary('delete a service')
    .description('Delete a service. Its models stay registered.')
    .argument('<service>', 'the service')
    .addHelpText('after', describeExamples([['scoring services delete churn', 'it answers 404 from then on']]))
    .action((name: string, options: WorkspaceOptions) =>
      withWorkspace(
        () => import('../workspace/services.ts'),
        ({ deleteService }) => deleteService(name, options),
      ),
    )
}

export function deployCommand(): Command {
  return addWorkspaceOptions(new Command('deploy'))
    .summary('make a service from models, or change one')
    .description(
      'Make a service from registered models. Of a service that exists, only what is named is changed. Waits until the app serves it.',
    )
    .argument('<service>', 'the service')
    .option(
      '-m, --model <name[:version]>',
      'a registered model (default: its newest version); may be repeated',
      (id: string, before: readonly string[] | undefined) => [...(before ?? []), id],
    )
    .option('--script <file>', 'entry script, e.g. score.ts')
    .option('--source <folder>', 'folder of the entry script, with what it imports')
    .option('--sample <file>', 'JSON file with a sample request, which is scored at load')
    .addOption(new Option('--auth <mode>', 'who may call it').choices(['key', 'none']))
    .option('-t, --tag <name=value>', 'a tag; may be repeated', readLabel)
    .option('--description <text>', 'one sentence for people')
    .option('--timeout-ms <ms>', 'time limit of a request in milliseconds', readWhole(1))
    .option('--deployment <name>', 'add these models as another deployment; "scoring traffic" gives it requests')
    .option('--overwrite', 'replace a service of that name as a whole')
    .option('--no-wait', 'do not wait until it is served')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring deploy churn --model churn', 'the newest version of churn'],
        ['scoring deploy iris --model iris:1 --script score.ts', 'with an entry script'],
        ['scoring deploy churn --tag stage=two', 'change its tags alone'],
      ]),
    )
    .action((name: string, options: DeployOptions) =>
      withWorkspace(
        () => import('../workspace/services.ts'),
        ({ deploy }) => deploy(name, options),
      ),
    )
}

export function trafficCommand(): Command {
  return addWorkspaceOptions(new Command('traffic'))
    .summary('share the requests of a service')
    .description('Show the deployments of a service, or change which percentage of the requests each of them answers.')
    .argument('<service>', 'the service')
    .argument('[name=percent...]', 'shares that add to 100; a deployment without one gets none')
    .option(
      '--mirror <name=percent>',
      'copies of requests for a deployment; its answers are compared, and not sent',
      readLabel,
    )
    .option(
      '--sticky-header <name>',
      'requests with the same value of this header go to the same deployment; "off" ends that',
    )
    .option('--delete <name>', 'delete a deployment that gets no requests')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring traffic churn', 'the deployments of churn'],
        ['scoring traffic churn blue=90 green=10', 'a tenth for green'],
        ['scoring traffic churn --mirror green=20', 'copies for green'],
      ]),
    )
    .action((name: string, shares: readonly string[], options: TrafficOptions) =>
      withWorkspace(
        () => import('../workspace/services.ts'),
        ({ traffic }) => traffic(name, shares, options),
      ),
    )
}
