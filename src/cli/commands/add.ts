import { Command } from 'commander'
import type { AddOptions } from '../add/add-service.ts'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions } from '../project.ts'
import { UsageError } from '../usage-error.ts'

interface Options extends AddOptions {
  readonly json?: boolean
}

export function addCommand(): Command {
  return addProjectOptions(new Command('add'))
    .summary('make a service from an ONNX model')
    .description(
      'Make a service from an ONNX model: copies it to models/<name>/1/ with its weights, and writes service.json and a sample that scores. A service that exists gets the next version. The model is tried first; where it cannot be served, nothing is written.',
    )
    .argument('<model>', 'the .onnx file, or a folder that MLflow wrote with an ONNX model')
    .option('-n, --name <name>', 'name of the service (default: from the name of the file)')
    .option('--model-version <number>', 'number of the version (default: 1, or the next)', readVersion)
    .option('--script', 'write an entry script to start from: score.ts, with names and types of the model')
    .option('--move', 'move the files of the model instead of copying them')
    .option('--json', 'print what was found and written as JSON')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring add churn.onnx', 'the service churn'],
        ['scoring add churn.onnx', 'again, after retraining: version 2'],
        ['scoring add model.onnx --name churn --script', 'with score.ts to change'],
        ['scoring add mlruns/0/abc/artifacts/model', 'a model that MLflow logged'],
      ]),
    )
    .action(async (model: string, options: Options) => {
      const { addService } = await import('../add/add-service.ts')
      const added = await addService(model, options)
      if (options.json) {
        const { report, ...facts } = added
        const { inputs, optionalInputs = [], outputs, isBatchable, microBatching, notes } = report
        console.log(
          JSON.stringify(
            { ...facts, inputs, optionalInputs, outputs, requestsShareRuns: isBatchable, microBatching, notes },
            null,
            2,
          ),
        )
      } else {
        const { printAdded } = await import('../add/print-added.ts')
        printAdded(added)
      }
    })
}

function readVersion(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`--model-version is "${text}", and must be a whole number from 1`)
  return Number(text)
}
