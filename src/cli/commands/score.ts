import { Command } from 'commander'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions } from '../project.ts'
import type { ScoreOptions } from '../score/score-service.ts'

export function scoreCommand(): Command {
  return addProjectOptions(new Command('score'))
    .summary('score rows, a file or the sample')
    .description(
      'Score with a service: its sample, a request body (JSON, an image, .npy), rows, or a CSV file. No app has to run. Prints a table in a terminal, else JSON.',
    )
    .argument('<service>', 'the service')
    .argument('[file]', 'request body, or "-" for standard input; a .csv file is read as with --csv')
    .option(
      '-r, --row <values>',
      'a row: age=34,city=Oslo, or {"age": 34}, or 5.1,3.5 in the order of the model; may be repeated',
      (row: string, rows: readonly string[] | undefined) => [...(rows ?? []), row],
    )
    .option('--csv <file>', 'score each row of a CSV file (also .csv.gz), in requests of up to 1000 rows')
    .option('--no-header', 'the first line of the CSV file is a row, not the names of the columns')
    .option(
      '--url <address>',
      'ask a running app, e.g. http://localhost:7071, with the local key or the one in SCORING_KEY',
    )
    .option('--json', 'print JSON in a terminal too')
    .option('--time', 'say how long it took')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring score iris', 'its sample'],
        ['scoring score iris --row 5.1,3.5,1.4,0.2', 'a row'],
        ["scoring score churn --row 'age=34,city=Oslo'", 'a row with names'],
        ['scoring score churn --csv customers.csv > scores.json', 'a file, row by row'],
        ['scoring score digits seven.png', 'an image'],
        ['cat body.json | scoring score iris | jq .labels', 'in a pipe'],
        ['scoring score iris --url https://my-scoring.azurewebsites.net', 'in Azure'],
      ]),
    )
    .action(async (service: string, file: string | undefined, options: ScoreOptions) => {
      const { scoreService } = await import('../score/score-service.ts')
      const isGood = await scoreService(service, file, options)
      process.exitCode = isGood ? exitCode.ok : exitCode.failed
    })
}
