import { Command, Option } from 'commander'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import type { DownloadOptions, ListOptions, SubmitOptions } from '../workspace/jobs.ts'
import { addWorkspaceOptions, readWhole, withWorkspace } from './workspace-options.ts'

export function jobsCommand(): Command {
  return new Command('jobs')
    .summary('score files of any size')
    .description('Batch jobs: each row of a file appears once and in order in the results.')
    .usage('<command> [options]')
    .helpCommand(false)
    .addHelpText(
      'after',
      describeExamples([
        ['scoring jobs submit churn customers.csv --watch', 'upload a file, score it, show the progress'],
        ['scoring jobs results churn <job> | head', 'the first results'],
      ]),
    )
    .addCommand(submitCommand())
    .addCommand(listCommand())
    .addCommand(ofJob('status', 'show a job', ({ showJob }) => showJob))
    .addCommand(ofJob('watch', 'show the progress of a job until it has ended', watchOne))
    .addCommand(ofJob('cancel', 'cancel a job', ({ cancelJob }) => cancelJob))
    .addCommand(ofJob('delete', 'delete a job with its files', ({ deleteJob }) => deleteJob))
    .addCommand(ofJob('results', 'print the results of a job', ({ printResults }) => printResults))
    .addCommand(downloadCommand())
}

function submitCommand(): Command {
  return addWorkspaceOptions(new Command('submit'))
    .summary('submit a job')
    .description('Submit a job: a file on this machine, which is uploaded, or a blob. Prints the id of the job.')
    .argument('<service>', 'the service')
    .argument('[file]', 'CSV, JSON Lines, JSON or Parquet; text may be gzipped')
    .option('--blob <container/path>', "a blob of the app's storage account in place of a file")
    .option('--input-url <url>', 'a blob elsewhere, with a shared access signature')
    .option('--id <id>', 'id of the job: the same id with the same content is the same job (default: a new one)')
    .option(
      '--output <container/path>',
      'blob of the results, with {date} and {name} (default: jobs/<service>/<id>/predictions.jsonl)',
    )
    .option('--overwrite', 'replace that blob when the job is complete')
    .option('--summary-only', 'count the rows, and write no results')
    .addOption(new Option('--format <format>', 'format of the results').choices(['jsonl', 'csv', 'parquet']))
    .option('--include <names>', 'columns of the input that are copied to the results, e.g. id; all: every column')
    .option('--output-columns <names>', 'outputs of the model that are written, e.g. label (default: all)')
    .option('--columns <names>', 'the columns that make a row, e.g. age,income')
    .option('--no-header', 'the first line of the CSV file is a row, not the names of the columns')
    .option('--delimiter <character>', 'what separates the cells of a CSV, e.g. ";" or "\\t"')
    .option('--quote <character>', 'what stands around cells of a CSV, e.g. "\'"')
    .option('--na <texts>', 'texts of missing values in a CSV, besides those of pandas, e.g. ?,-999')
    .addOption(
      new Option('--decimal <mark>', 'what stands before the decimals of numbers in a CSV').choices(['.', ',']),
    )
    .addOption(
      new Option('--thousands <mark>', 'what stands between the thousands of numbers in a CSV').choices([
        ...[',', '.', ' ', "'", '_'],
      ]),
    )
    .option('--mini-batch-size <rows>', 'rows per chunk', readWhole(1))
    .option('--error-threshold <rows>', 'the job fails when more rows fail; -1: any number may', readWhole(-1))
    .option('--max-retries <count>', 'retries of a row after failures that it did not cause', readWhole(0))
    .option('-w, --watch', 'show the progress until the job has ended')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring jobs submit churn customers.csv --watch', 'and wait for its end'],
        ['scoring jobs submit churn --blob input/customers.csv', 'a blob'],
      ]),
    )
    .action(async (name: string, file: string | undefined, options: SubmitOptions) =>
      endWith(await withJobs(({ submitJob }) => submitJob(name, file, options))),
    )
}

function listCommand(): Command {
  return addWorkspaceOptions(new Command('list'))
    .summary('list the jobs of a service')
    .description('List the jobs of a service, newest first.')
    .argument('<service>', 'the service')
    .option('-n, --limit <count>', 'most jobs to list', readWhole(1), 20)
    .option('--status <names>', 'jobs with these statuses only, e.g. Failed,Canceled')
    .option('--since <time>', 'jobs that were submitted then (UTC) or later, e.g. 2026-11-28')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring jobs list churn', 'the last 20'],
        ['scoring jobs list churn --status Failed --since 2026-11-28', 'what went wrong since then'],
      ]),
    )
    .action((name: string, options: ListOptions) => withJobs(({ listJobs }) => listJobs(name, options)))
}

function downloadCommand(): Command {
  return ofJob('download', 'write the results of a job to a file', ({ downloadResults }) => downloadResults)
    .option('-o, --out <file>', 'file to write (default: <job>.jsonl, .csv or .parquet)')
    .option('--force', 'overwrite the file')
}

type Jobs = typeof import('../workspace/jobs.ts')
type JobAction = (name: string, jobId: string, options: DownloadOptions) => Promise<unknown>

function ofJob(word: string, summary: string, choose: (jobs: Jobs) => JobAction): Command {
  return addWorkspaceOptions(new Command(word))
    .summary(summary)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .argument('<service>', 'the service')
    .argument('<job>', 'id of the job')
    .addHelpText('after', describeExamples([[`scoring jobs ${word} churn nightly-2026-11-28`, summary]]))
    .action(async (...call: Parameters<JobAction>) => {
      await withJobs(jobs => choose(jobs)(...call))
    })
}

const watchOne =
  ({ watchJob }: Jobs): JobAction =>
  async (...call) =>
    endWith(await watchJob(...call))

function withJobs<Result>(work: (jobs: Jobs) => Promise<Result>): Promise<Result> {
  return withWorkspace(() => import('../workspace/jobs.ts'), work)
}

function endWith(isGood: boolean): void {
  process.exitCode = isGood ? exitCode.ok : exitCode.failed
}
