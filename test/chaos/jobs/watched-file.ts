/** Files that come into the folder that a service watches. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import { writeFile } from './input-file.ts'
import { callUntilAnswered } from './job-call.ts'
import type { ChaosOutput } from './job-maker.ts'
import type { JobContext } from './job-run.ts'
import { findRowFaults } from './row-faults.ts'
import { makeRow } from './rows.ts'
import { watchingService } from './services.ts'
import type { TrueStorage } from './true-storage.ts'

export interface WatchedFile {
  /** `<container>/<path>` */
  readonly blob: string
  readonly content: Buffer
  readonly output: ChaosOutput
  /** Whether the hosts forget that they have seen it, some milliseconds later. */
  readonly isReportedAgain: boolean
  readonly againAfterMs: number
  readonly isDeleted: boolean
}

export function makeWatchedFile(dice: Dice, name: string): WatchedFile {
  const form = { format: 'csv', hasId: false, isGzip: false, width: 3 } as const
  const making = { service: 'sum', form, badShare: dice.oneOf([0, 0.1]) } as const
  const rows = Array.from({ length: dice.from(1, dice.oneOf([3, 300])) }, () => makeRow(dice, making, []))
  const blob = `inbox/${name}.csv`
  const lines = rows.map(({ expected }, index) => ({ expected, index, file: blob, id: undefined }))
  return {
    blob,
    content: writeFile(dice, form, { file: 0, rows }),
    output: { blob: `watched/${name}.jsonl`, format: 'jsonl', hasId: false, hasFile: false, rows: lines },
    isReportedAgain: dice.chance(0.5),
    againAfterMs: dice.from(0, 2500),
    isDeleted: dice.chance(0.3),
  }
}

/** For so long a file may have no job, with all faults gone. */
const longestMs = 120_000

/** Puts the file there, and waits until its job has ended. @returns what was wrong */
export async function runWatchedFile(file: WatchedFile, dice: Dice, context: JobContext): Promise<string[]> {
  const { storage, hosts } = context
  await storage.writeNew(file.blob, file.content)
  const again = file.isReportedAgain ? delay(file.againAfterMs).then(() => forgetFiles(storage)) : undefined
  const status = await awaitEnd(file, dice, context)
  await again
  const faults: string[] = []
  if (status !== 'Completed') faults.push(`the job of ${file.blob} is ${status}`)
  const output = await storage.read(file.output.blob)
  if (output) faults.push(...(await findRowFaults(file.output, output)))
  else faults.push(`there is no ${file.output.blob}`)
  const jobs = await listJobs(file, storage)
  if (jobs.length !== 1) faults.push(`${file.blob} has ${jobs.length} jobs`)
  for (const jobId of file.isDeleted ? jobs : [])
    await callUntilAnswered(hosts, dice, { service: watchingService, path: `/${jobId}`, method: 'DELETE' })
  // Hosts that start later report it although its job was deleted.
  if (file.isReportedAgain) await forgetFiles(storage)
  return faults
}

/** Removes the receipts by which hosts know what they have reported; one that starts reports the file again. */
async function forgetFiles(storage: TrueStorage): Promise<void> {
  const receipts = await storage.list('azure-webjobs-hosts', 'blobreceipts/')
  for (const receipt of receipts) await storage.remove(`azure-webjobs-hosts/${receipt}`)
}

async function awaitEnd(file: WatchedFile, dice: Dice, { hosts, storage }: JobContext): Promise<string> {
  const until = Date.now() + longestMs
  for (;;) {
    const [jobId] = await listJobs(file, storage)
    if (jobId !== undefined) {
      const { body } = await callUntilAnswered(hosts, dice, { service: watchingService, path: `/${jobId}` })
      const { status, error } = body as { status: string; error?: { code: string } }
      if (status === 'Completed') return status
      if (status === 'Failed') return `${status} ${error?.code}`
    }
    if (Date.now() > until)
      throw new Error(`${file.blob} has jobs [${await listJobs(file, storage)}], which do not end`)
    await delay(150)
  }
}

/** Ids of the jobs that read it, as the storage has them. */
export async function listJobs({ blob }: WatchedFile, storage: TrueStorage): Promise<string[]> {
  const jobIds: string[] = []
  for (const path of await storage.list('jobs', `${watchingService}/`)) {
    const [, jobId = '', name] = path.split('/')
    if (name !== 'spec.json') continue
    const spec = JSON.parse(String(await storage.read(`jobs/${path}`)))
    if (spec.input?.place?.blob === blob) jobIds.push(jobId)
  }
  return jobIds
}
