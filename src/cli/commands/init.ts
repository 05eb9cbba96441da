import { Command } from 'commander'
import { describeExamples } from '../help-style.ts'
import { readVersion } from '../manifest.ts'

interface InitOptions {
  readonly name?: string
  readonly empty?: boolean
  readonly package?: string
}

export function initCommand(): Command {
  return new Command('init')
    .summary('make a new project')
    .description('Make a new project: package.json, host.json, an example service with a script and a test.')
    .argument('<folder>', 'a new or empty folder; "." is the current one')
    .option('--name <name>', 'name of the project in package.json (default: that of the folder)')
    .option('--empty', 'without the example service')
    .option(
      '--package <spec>',
      'version, path or URL of scoring-functions (default: versions compatible with this one)',
    )
    .addHelpText(
      'after',
      describeExamples([
        ['scoring init my-scoring', 'a project with an example'],
        ['scoring init . --empty', 'in the current folder, without services'],
        ['npm create scoring-functions my-scoring', 'the same, with nothing installed'],
      ]),
    )
    .action(async (folder: string, options: InitOptions) => {
      const { describeNextSteps, makeProject } = await import('../make-project.ts')
      const isEmpty = options.empty ?? false
      makeProject({
        folder,
        name: options.name,
        isEmpty,
        packageSpec: options.package ?? `^${readVersion()}`,
        // Beside dist/ the template lies as it is built; in the sources it is where it is edited.
        template: new URL(
          import.meta.url.endsWith('.ts') ? '../../../templates/project/' : './templates/project/',
          import.meta.url,
        ),
      })
      console.log(describeNextSteps({ folder, isEmpty }))
    })
}
