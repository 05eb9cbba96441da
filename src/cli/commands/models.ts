import { Command } from 'commander'
import { describeExamples } from '../help-style.ts'
import type { ListOptions, RegisterOptions } from '../workspace/models.ts'
import type { WorkspaceOptions } from '../workspace/open.ts'
import { addWorkspaceOptions, readLabel, withWorkspace } from './workspace-options.ts'

export function modelsCommand(): Command {
  return new Command('models')
    .summary('register, list and delete models')
    .description('The models of the workspace. A version does not change once it is registered.')
    .usage('<command> [options]')
    .helpCommand(false)
    .addHelpText(
      'after',
      describeExamples([
        ['scoring models register churn churn.onnx', 'the next version of churn'],
        ['scoring models list', 'all versions of all models'],
      ]),
    )
    .addCommand(listCommand())
    .addCommand(registerCommand())
    .addCommand(deleteCommand())
}

function registerCommand(): Command {
  return addWorkspaceOptions(new Command('register'))
    .summary('register the next version of a model')
    .description('Register the next version of a model: an ONNX file with its weights, or a folder.')
    .argument('<name>', 'name of the model')
    .argument('<path>', 'the .onnx file, or a folder')
    .option('-t, --tag <name=value>', 'a tag; may be repeated', readLabel)
    .option('--property <name=value>', 'a property, which does not change; may be repeated', readLabel)
    .option('--description <text>', 'one sentence for people')
    .addHelpText(
      'after',
      describeExamples([['scoring models register churn churn.onnx --tag team=risk', 'with a tag']]),
    )
    .action((name: string, path: string, options: RegisterOptions) =>
      withWorkspace(
        () => import('../workspace/models.ts'),
        ({ registerModel }) => registerModel(name, path, options),
      ),
    )
}

function listCommand(): Command {
  return addWorkspaceOptions(new Command('list'))
    .summary('list the versions of models')
    .description('List the versions of all models, or of one.')
    .argument('[name]', 'one model (default: all)')
    .option('--latest', 'only the newest version of each')
    .option('-t, --tag <name=value>', 'only those with this tag; may be repeated', readLabel)
    .addHelpText('after', describeExamples([['scoring models list --latest', 'the newest of each']]))
    .action((name: string | undefined, options: ListOptions) =>
      withWorkspace(
        () => import('../workspace/models.ts'),
        ({ listModels }) => listModels(name, options),
      ),
    )
}

function deleteCommand(): Command {
  return addWorkspaceOptions(new Command('delete'))
    .summary('delete a version of a model')
    .description('Delete a version of a model that no service of its name needs.')
    .argument('<name:version>', 'e.g. churn:1')
    .addHelpText('after', describeExamples([['scoring models delete churn:1', 'version 1 of churn']]))
    .action((id: string, options: WorkspaceOptions) =>
      withWorkspace(
        () => import('../workspace/models.ts'),
        ({ deleteModel }) => deleteModel(id, options),
      ),
    )
}
