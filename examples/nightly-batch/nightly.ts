/**
 * Scores a file each night: `node examples/nightly-batch/nightly.ts patients.csv`. The id of the job holds the date, so a second run of the
 * same night with the same file gives the same job.
 */
import { basename } from 'node:path'
import { BatchJob, Webservice, Workspace } from 'scoring-functions/client'

const [file = 'patients.csv'] = process.argv.slice(2)
const night = new Date().toISOString().slice(0, 10)
const workspace = await Workspace.fromConfig()
const service = new Webservice(workspace, 'diabetes')

const blob = `input/${night}/${basename(file)}`
await workspace.store.uploadInput(file, blob).catch((failure: Error) => {
  if (!/exists already/.test(failure.message)) throw failure // it was uploaded by a run before
})
const job = await BatchJob.submit(service, { jobId: `nightly-${night}`, input: { blob }, errorThreshold: 100 })
const { progress } = await job.wait()
console.log(`${progress.succeeded} rows scored, ${progress.failed} failed`)

let sum = 0
for await (const { prediction, error } of job.results<number>()) {
  if (error) console.log(`${error.message} (${error.code})`)
  else sum += prediction
}
console.log(`mean ${(sum / progress.succeeded).toFixed(1)}`)
