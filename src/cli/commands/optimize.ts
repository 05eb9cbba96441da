import { Command } from 'commander'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions, openProject, type ProjectOptions } from '../project.ts'

export function optimizeCommand(): Command {
  return addProjectOptions(new Command('optimize'))
    .description(
      'Optimize models ahead of time, for processors like this one, so that they load faster. The result is written beside each model: *.optimized.onnx, .weights and .json.',
    )
    .argument('[service...]', 'services to optimize (default: all)')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring optimize', 'the models of all services'],
        ['scoring optimize resnet50', 'the models of one'],
      ]),
    )
    .action(async (services: string[], options: ProjectOptions) => {
      const { optimizeServices } = await import('../optimize-services.ts')
      const isGood = await optimizeServices(openProject(options).modelsDir, services)
      process.exitCode = isGood ? exitCode.ok : exitCode.failed
    })
}
