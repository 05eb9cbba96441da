import { Command } from 'commander'
import { describeExamples } from '../help-style.ts'

interface InfraOptions {
  readonly app?: string
  readonly overwrite?: boolean
  readonly json?: boolean
}

export function infraCommand(): Command {
  return new Command('infra')
    .summary('write what "azd up" deploys the project with')
    .description(
      'Write what the Azure Developer CLI deploys the project with: azure.yaml, infra/ with Bicep files for Azure Functions, and a workflow of GitHub Actions. They are yours to change; a later version writes its own with --overwrite.',
    )
    .option('--app <folder>', 'folder of the project (default: the nearest with a host.json)')
    .option('--overwrite', 'replace files that are there and differ')
    .option('--json', 'print the paths that were written as JSON')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring infra', 'in a project; then "azd up"'],
        ['scoring infra --overwrite', 'after an update of Scoring Functions; "git diff" shows what is new'],
      ]),
    )
    .action(async ({ app, overwrite = false, json }: InfraOptions) => {
      const { describeWritten, writeInfra } = await import('../infra/write-infra.ts')
      const { findProjectRoot } = await import('../project.ts')
      const written = writeInfra({
        root: findProjectRoot(app ?? process.cwd()),
        overwrites: overwrite,
        // Beside dist/scoring.mjs; only the build makes it.
        template: new URL(
          import.meta.url.endsWith('.ts') ? '../../../dist/templates/azure/' : './templates/azure/',
          import.meta.url,
        ),
      })
      console.log(json ? JSON.stringify(written, null, 2) : describeWritten(written))
    })
}
