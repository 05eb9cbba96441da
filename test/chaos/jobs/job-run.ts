/** A job from its submission to its end, and to its deletion. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import type { Hosts } from './hosts.ts'
import { call, callUntilAnswered, type JobAnswer } from './job-call.ts'
import { type ChaosJob, isMessage } from './job-maker.ts'
import type { TrueStorage } from './true-storage.ts'
import { type EndOfJob, findFaults, strangersContent } from './verdict.ts'

export interface JobContext {
  readonly hosts: Hosts
  readonly storage: TrueStorage
}

export interface FinishedJob {
  readonly job: ChaosJob
  readonly end: EndOfJob
  /** In the order of the job's; undefined: there is none. */
  readonly outputs: readonly (Buffer | undefined)[]
  readonly faults: readonly string[]
  /** From its submission until its end was seen. */
  readonly seconds: number
}

const ended = ['Completed', 'Failed', 'Canceled']
/** A job of which nothing has been heard for so long, with all faults gone, never ends. */
const longestMs = 180_000

export async function runJob(job: ChaosJob, dice: Dice, context: JobContext): Promise<FinishedJob> {
  const { storage } = context
  if (!job.isInline && job.by !== 'upload')
    await Promise.all(job.files.map(({ blob, content }) => storage.writeNew(blob, content)))
  const startedAt = performance.now()
  await submit(job, dice, context)
  const mishap = doMishap(job, dice, context)
  const { end: seen, isFinal } = await awaitEnd(job, dice, context)
  const seconds = (performance.now() - startedAt) / 1000
  const foreign = await mishap
  const end = job.mishap === 'delete early' && (await isDeleted(job, context)) ? deleted : seen
  const outputs = await Promise.all(job.outputs.map(({ blob }) => storage.read(blob)))
  const partial = await readPartial(end, storage)
  const faults = await findFaults(job, end, { outputs, partial, foreign })
  if (!isFinal) faults.push(`it had ended, and is ${seen.status} now`)
  if (job.isDeleted) faults.push(...(await deleteJob(job, dice, context)))
  // What stands in its folder goes with it.
  const isKept = (at: number) => !job.outputs[at]?.blob.startsWith('jobs/')
  const isGone = job.isDeleted || end === deleted
  const left = outputs.map((content, at) => (isGone && !isKept(at) ? undefined : content))
  return { job, end, outputs: left, faults, seconds }
}

/** Repeats a submission until it has an answer. A host may die before it answers; the same id makes that harmless. */
async function submit(job: ChaosJob, dice: Dice, context: JobContext): Promise<void> {
  if (isMessage(job.by)) return sendSubmission(job, context)
  const asked = { service: job.service, method: 'POST', body: describeJob(job) } as const
  const { status, body } = await callUntilAnswered(context.hosts, dice, asked)
  // 200: it was taken before, by a host that died before it answered, and has ended since.
  if (status !== 202 && status !== 200)
    throw new Error(
      `${job.jobId}: the submission ${JSON.stringify(job.submission)} is answered with ${status} ${JSON.stringify(body)}`,
    )
}

/** @returns the submission, with the file if the storage does not have it */
function describeJob({ by, submission, files }: ChaosJob): object | FormData {
  const [file] = files
  if (by !== 'upload' || !file) return submission
  const { blob, ...input } = submission.input as { readonly blob: string }
  const form = new FormData()
  form.set(
    'job',
    JSON.stringify({ ...submission, ...(Object.keys(input).length > 0 ? { input } : { input: undefined }) }),
  )
  form.set('file', new Blob([Uint8Array.from(file.content)]), blob.slice(blob.lastIndexOf('/') + 1))
  return form
}

async function sendSubmission({ submission, by }: ChaosJob, { storage }: JobContext): Promise<void> {
  const text = JSON.stringify(submission)
  await storage.send('scoring-jobs', by === 'base64 message' ? Buffer.from(text).toString('base64') : text)
}

/** @returns the output that a stranger wrote */
async function doMishap(job: ChaosJob, dice: Dice, context: JobContext): Promise<string | undefined> {
  if (!job.mishap) return undefined
  await delay(job.mishapAfterMs)
  const { storage, hosts } = context
  const { service, jobId } = job
  switch (job.mishap) {
    case 'cancel':
      await call(hosts, dice, { service, path: `/${jobId}/cancel`, method: 'POST' })
      return undefined
    case 'delete early':
      await call(hosts, dice, { service, path: `/${jobId}`, method: 'DELETE' })
      return undefined
    case 'input changes': {
      const { blob, content } = dice.oneOf(job.files)
      if (!job.isInline && job.by !== 'upload') await storage.write(blob, content)
      return undefined
    }
    case 'output appears': {
      const { blob } = dice.oneOf(job.outputs)
      return (await storage.writeNew(blob, strangersContent)) ? blob : undefined
    }
    case 'duplicates':
      await sendDuplicates(job, dice, context)
      return undefined
    case 'submitted twice':
      await call(hosts, dice, { service, method: 'POST', body: describeJob(job) })
      return undefined
  }
}

/** Messages of the job that come once more, or for chunks that it does not have. */
export async function sendDuplicates({ service, jobId }: ChaosJob, dice: Dice, { storage }: JobContext): Promise<void> {
  for (let each = 0; each < 6; each++) {
    const chunk = dice.from(0, 40)
    await storage.send('scoring-job-chunk', JSON.stringify({ service, jobId, chunk }))
    const queue = dice.oneOf(['scoring-job-split', 'scoring-job-finish'] as const)
    await storage.send(queue, JSON.stringify({ service, jobId }))
  }
}

/** @returns how it ended, and whether it still had when asked once more */
async function awaitEnd(job: ChaosJob, dice: Dice, context: JobContext): Promise<{ end: EndOfJob; isFinal: boolean }> {
  const { service, jobId } = job
  let until = Date.now() + longestMs
  let last = ''
  let first: EndOfJob | undefined
  for (;;) {
    const answer = await call(context.hosts, dice, { service, path: `/${jobId}` })
    if (answer?.status === 404 && job.mishap === 'delete early' && (await isDeleted(job, context)))
      return { end: deleted, isFinal: true }
    if (answer?.status === 200) {
      const end = answer.body as EndOfJob
      const now = JSON.stringify(end.progress)
      if (now !== last) until = Date.now() + longestMs
      last = now
      if (first) return { end, isFinal: first.status === end.status }
      if (ended.includes(end.status)) first = end
    }
    if (Date.now() > until) throw new Error(`${await describeStandstill(job, context)}\n${JSON.stringify(answer)}`)
    await delay(first ? 300 : 150)
  }
}

const deleted: EndOfJob = { status: 'Deleted', progress: { rows: 0, succeeded: 0, failed: 0, percent: 0 } }

async function describeStandstill({ service, jobId, submission }: ChaosJob, { storage }: JobContext): Promise<string> {
  const files = (await storage.list('jobs', `${service}/${jobId}/`)).join('\n')
  const waiting = JSON.stringify(await storage.waiting())
  return `${jobId} never ended: ${JSON.stringify(submission)}; in queues: ${waiting}; its blobs:\n${files}`
}

/** Whether a deletion has left its mark, beyond which a job cannot come back. */
async function isDeleted({ service, jobId }: ChaosJob, { storage }: JobContext): Promise<boolean> {
  const record = await storage.read(`jobs/${service}/${jobId}/spec.json`)
  return record !== undefined && JSON.parse(String(record)).isDeleted === true
}

async function readPartial({ output }: EndOfJob, storage: TrueStorage): Promise<(readonly [string, Buffer])[]> {
  const [container = '', ...path] = output?.partial?.split('/') ?? []
  if (container === '') return []
  const names = await storage.list(container, path.join('/'))
  const contents = await Promise.all(names.map(name => storage.read(`${container}/${name}`)))
  return names.flatMap((name, at) => (contents[at] ? [[name, contents[at]] as const] : []))
}

/** Deletes the job, and has its messages and its submission come once more. @returns what was wrong */
async function deleteJob(job: ChaosJob, dice: Dice, context: JobContext): Promise<string[]> {
  const { hosts } = context
  const { service, jobId } = job
  const path = `/${jobId}`
  const answers: JobAnswer[] = [await callUntilAnswered(hosts, dice, { service, path, method: 'DELETE' })]
  answers.push(await callUntilAnswered(hosts, dice, { service, path }))
  await sendDuplicates(job, dice, context)
  answers.push(await callUntilAnswered(hosts, dice, { service, method: 'POST', body: describeJob(job) }))
  if (isMessage(job.by)) await sendSubmission(job, context)
  const found = answers.map(describeAnswer).join()
  const right = ['204', '404 JOB_UNKNOWN', '409 JOB_ID_TAKEN'].join()
  // Where the storage fails, its blobs are removed after the answer.
  return [right, right.replace('204', '202 isDeleted')].includes(found)
    ? []
    : [`its deletion, status and resubmission are answered with ${found}; it is ${right}`]
}

function describeAnswer({ status, body }: JobAnswer): string {
  const { code, isDeleted } = (body ?? {}) as { code?: string; isDeleted?: boolean }
  return `${status} ${code ?? (isDeleted ? 'isDeleted' : '')}`.trim()
}
