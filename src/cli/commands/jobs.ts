import { Command, Option } from 'commander'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import type { DownloadOptions, SubmitOptions } from '../workspace/jobs.ts'
import type { WorkspaceOptions } from '../workspace/open.ts'
import { addWorkspaceOptions, readWhole } from './workspace-options.ts'

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
    .addCommand(ofJob('status', 'show a job', showOne))
    .addCommand(ofJob('watch', 'show the progress of a job until it has ended', watchOne))
    .addCommand(ofJob('cancel', 'cancel a job', cancelOne))
    .addCommand(ofJob('results', 'print the results of a job', printAll))
    .addCommand(downloadCommand())
}

function submitCommand(): Command {
  return addWorkspaceOptions(new Command('submit'))
    .summary('submit a job')
    .description('Submit a job: a file of this machine, which is uploaded, or a blob. Prints the id of the job.')
    .argument('<service>', 'the service')
    .argument('[file]', 'CSV, JSON Lines, JSON or Parquet; text may be gzipped')
    .option('--blob <container/path>', "a blob of the app's storage account in place of a file")
    .option('--input-url <url>', 'a blob elsewhere, with a shared access signature')
    .option('--id <id>', 'id of the job: the same id with the same content is the same job (default: a new one)')
    .option('--output <container/path>', 'blob of the results (default: jobs/<service>/<id>/predictions.jsonl)')
    .addOption(new Option('--format <format>', 'of the results').choices(['jsonl', 'csv']))
    .option('--include <names>', 'columns of a CSV that are copied to the results, e.g. id')
    .option('--columns <names>', 'the columns that make a row, e.g. age,income')
    .option('--no-header', 'the first line of the CSV file is a row, not the names of the columns')
    .option('--mini-batch-size <rows>', 'rows per chunk', readWhole(1))
    .option('--error-threshold <rows>', 'most failed rows; -1: any number', readWhole(-1))
    .option('--max-retries <count>', 'retries of a row after failures that it did not cause', readWhole(0))
    .option('-w, --watch', 'show the progress until the job has ended')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring jobs submit churn customers.csv --watch', 'and wait for its end'],
        ['scoring jobs submit churn --blob input/customers.csv', 'a blob'],
      ]),
    )
    .action(async (name: string, file: string | undefined, options: SubmitOptions) => {
      const { withPlainErrors } = await import('../workspace/open.ts')
      const { submitJob } = await import('../workspace/jobs.ts')
      const isGood = await withPlainErrors(() => submitJob(name, file, options))
      process.exitCode = isGood ? exitCode.ok : exitCode.failed
    })
}

function listCommand(): Command {
  return addWorkspaceOptions(new Command('list'))
    .summary('list the jobs of a service')
    .description('List the jobs of a service, newest first.')
    .argument('<service>', 'the service')
    .option('-n, --limit <count>', 'most jobs that are listed', readWhole(1), 20)
    .addHelpText('after', describeExamples([['scoring jobs list churn', 'the last 20']]))
    .action(async (name: string, options: WorkspaceOptions & { limit: number }) => {
      const { withPlainErrors } = await import('../workspace/open.ts')
      const { listJobs } = await import('../workspace/jobs.ts')
      await withPlainErrors(() => listJobs(name, options))
    })
}

function downloadCommand(): Command {
  return ofJob('download', 'write the results of a job to a file', async (name, job, options) => {
    const { downloadResults } = await import('../workspace/jobs.ts')
    await downloadResults(name, job, options)
  })
    .option('-o, --out <file>', 'file to write (default: <job>.jsonl or .csv)')
    .option('--force', 'overwrite the file')
}

type JobAction = (name: string, jobId: string, options: DownloadOptions) => Promise<unknown>

function ofJob(word: string, summary: string, act: JobAction): Command {
  return addWorkspaceOptions(new Command(word))
    .summary(summary)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .argument('<service>', 'the service')
    .argument('<job>', 'id of the job')
    .addHelpText('after', describeExamples([[`scoring jobs ${word} churn nightly-2026-11-28`, summary]]))
    .action(async (name: string, jobId: string, options: DownloadOptions) => {
      const { withPlainErrors } = await import('../workspace/open.ts')
      await withPlainErrors(() => act(name, jobId, options))
    })
}

const showOne: JobAction = async (name, jobId, options) => {
  const { showJob } = await import('../workspace/jobs.ts')
  await showJob(name, jobId, options)
}

const watchOne: JobAction = async (name, jobId, options) => {
  const { watchJob } = await import('../workspace/jobs.ts')
  process.exitCode = (await watchJob(name, jobId, options)) ? exitCode.ok : exitCode.failed
}

const cancelOne: JobAction = async (name, jobId, options) => {
  const { cancelJob } = await import('../workspace/jobs.ts')
  await cancelJob(name, jobId, options)
}

const printAll: JobAction = async (name, jobId, options) => {
  const { printResults } = await import('../workspace/jobs.ts')
  await printResults(name, jobId, options)
}
