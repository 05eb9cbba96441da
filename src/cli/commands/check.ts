import { Command } from 'commander'
import type { CheckOptions } from '../check/check-services.ts'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions } from '../project.ts'

export function checkCommand(): Command {
  return addProjectOptions(new Command('check'))
    .summary('find mistakes before a deployment')
    .description(
      'Check services before a deployment: service.json, models and versions, loading, micro-batching and why, the sample, scripts and their types, OpenAPI documents, settings. The exit code is 1 where there is an error.',
    )
    .argument('[service...]', 'services to check (default: all)')
    .option('--strict', 'exit with 1 for a warning too')
    .option('--verbose', 'list all that was checked, as it is for named services')
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring check', 'all services, and the settings of the project'],
        ['scoring check churn', 'one service, with all that was checked'],
        ['scoring check --strict --json', 'in a build'],
      ]),
    )
    .action(async (services: string[], options: CheckOptions) => {
      const { checkServices } = await import('../check/check-services.ts')
      const isGood = await checkServices(services, options)
      process.exitCode = isGood ? exitCode.ok : exitCode.failed
    })
}
