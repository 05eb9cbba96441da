/**
 * Tells a queue or a web address that a job has ended: a CloudEvent in the JSON format, at least once. What is to be sent is recorded
 * before the job leaves the active ones, so that a death in between delays the event to the next sweep.
 */
import { type BlobStore, readJson } from '../blob-store.ts'
import { maxMessageBytes } from '../job-queues.ts'
import {
  entryBlob,
  entryFolder,
  entryPrefixes,
  eventBlob,
  eventSignatureBlob,
  type JobFolder,
  jobsContainer,
} from '../layout.ts'
import { jobMessage } from '../message-queues.ts'
import type { OpenJob } from '../open-job.ts'
import type { JobSpec } from '../spec.ts'
import { type RefusedJob, readJob } from '../stored-job.ts'
import type { JobTools } from '../tools.ts'
import { type EventDelivery, type JobEvent, readDelivery } from './event-delivery.ts'
import { endedView, type JobView, refusedView } from './job-view.ts'

/** With the pauses between them, about three hours. */
const maxAttempts = 10
const longestPauseMs = 3_600_000

/** Records that the event of a job that has ended is to be sent. It may be repeated. The deletion of a job does it before all else. */
export async function announceEnd({ store }: Pick<JobTools, 'store'>, job: OpenJob): Promise<void> {
  await announce(store, job.spec, () => describeEnd(job))
}

/** The same for a submission that was refused, which is a failed job to its sender. The next sweep sends it. */
export async function announceRefusal(store: BlobStore, job: RefusedJob): Promise<void> {
  const { service } = job
  if (service !== undefined) await announce(store, job, () => encodeEvent({ ...job, service }, refusedView(job)))
}

async function announce(
  store: BlobStore,
  { folder, onCompleted: target }: Pick<JobSpec, 'folder' | 'onCompleted'>,
  describe: () => string,
): Promise<void> {
  if (!target || !(await readJob(store, folder))) return
  const unsent: JobEvent = { target, event: describe(), delivery: { attempts: 0 } }
  await store.create(eventBlob(folder), JSON.stringify(unsent))
  const delivery = await readDelivery(store, folder)
  if (delivery && !isOver(delivery)) await store.create(entryBlob('events', folder), '')
}

/** Sends the events that were not accepted yet, and whose pause is over. */
export async function sweepEvents(tools: JobTools): Promise<void> {
  const { store, limits } = tools
  const due: JobFolder[] = []
  for await (const { path } of store.list(jobsContainer, entryPrefixes.events)) {
    const folder = entryFolder('events', path)
    const last = await store.head(eventBlob(folder))
    const delivery = await readDelivery(store, folder)
    const { attempts = 0 } = delivery ?? {}
    const pauseMs = attempts === 0 ? 0 : Math.min(longestPauseMs, limits.safetyNetMs * 2 ** (attempts - 1))
    if (last && (await store.now()) - last.modifiedAt < pauseMs) continue
    if (due.push(folder) === limits.perSweep) break
  }
  await Promise.all(due.map(folder => sendEvent(tools, folder)))
}

/**
 * Makes one attempt. It is recorded before the event is sent, so of two processes one sends, and one that dies meanwhile sends it again
 * after a pause: receivers know such an event by its `id`.
 *
 * @param options.isFirst  several processes may see that the job has ended; only one of them makes the first attempt
 */
export async function sendEvent(
  tools: JobTools,
  folder: JobFolder,
  { isFirst = false }: { readonly isFirst?: boolean } = {},
): Promise<void> {
  const { store, log } = tools
  const stored = await readJson<JobEvent>(store, eventBlob(folder))
  if (!stored || isOver(stored.value.delivery)) return forgetEvent(store, folder)
  if (isFirst && stored.value.delivery.attempts > 0) return
  const attempt: JobEvent = { ...stored.value, delivery: { attempts: stored.value.delivery.attempts + 1 } }
  if (!(await store.replace(eventBlob(folder), JSON.stringify(attempt), stored.etag))) return
  const delivery = await deliver(tools, folder, attempt)
  const claimed = await store.head(eventBlob(folder))
  if (claimed) await store.replace(eventBlob(folder), JSON.stringify({ ...attempt, delivery }), claimed.etag)
  countAttempt(tools, folder, delivery)
  if (!isOver(delivery)) return log(`job ${folder}: its event was not accepted: ${delivery.lastError}`)
  if (delivery.isGivenUp)
    log(`job ${folder}: its event is given up after ${maxAttempts} attempts: ${delivery.lastError}`)
  await forgetEvent(store, folder)
}

/** Of a deleted job the event is the last that is left. */
async function forgetEvent(store: BlobStore, folder: JobFolder): Promise<void> {
  await store.remove(eventSignatureBlob(folder))
  if (!(await readJob(store, folder))) await store.remove(eventBlob(folder))
  await store.remove(entryBlob('events', folder))
}

async function deliver(
  tools: JobTools,
  folder: JobFolder,
  { target, event, delivery }: JobEvent,
): Promise<EventDelivery> {
  const { store, queues, events } = tools
  const { attempts } = delivery
  try {
    if ('queue' in target) await queues.sendEvent(target.queue, event)
    else await events.post(target.url + (await readSignature(store, folder)), event)
    return { attempts, deliveredAt: new Date(await store.now()).toISOString() }
  } catch (failure) {
    const lastError = failure instanceof Error ? failure.message : String(failure)
    return { attempts, lastError, ...(attempts >= maxAttempts && { isGivenUp: true }) }
  }
}

function countAttempt({ countEvent }: JobTools, folder: JobFolder, { deliveredAt, isGivenUp }: EventDelivery): void {
  const { service = '' } = jobMessage(folder)
  if (deliveredAt !== undefined) return countEvent(service, 'delivered')
  countEvent(service, isGivenUp ? 'given_up' : 'failed')
}

/** The same job gives the same event, however often it is sent. A queue takes 64 KiB, which long lists of columns may exceed. */
function describeEnd({ spec, state }: OpenJob): string {
  const view = endedView(spec, state)
  const event = encodeEvent(spec, view)
  if (Buffer.byteLength(event) <= maxMessageBytes || !view.output) return event
  const { include: _, columns: __, ...output } = view.output
  return encodeEvent(spec, { ...view, output })
}

/** CloudEvents 1.0.2, JSON Event Format. */
function encodeEvent(
  { jobId, service, createdAt }: Pick<JobSpec, 'jobId' | 'service' | 'createdAt'>,
  data: JobView,
): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `${jobId}-${createdAt}`,
    source: `/api/v1/service/${service}/jobs`,
    type: `ScoringFunctions.BatchJob.${data.status}`,
    subject: jobId,
    ...(data.endedAt !== undefined && { time: data.endedAt }),
    datacontenttype: 'application/json',
    data,
  })
}

async function readSignature(store: BlobStore, folder: JobFolder): Promise<string> {
  const blob = await store.readWhole(eventSignatureBlob(folder))
  return blob ? Buffer.from(blob.content).toString() : ''
}

function isOver({ deliveredAt, isGivenUp }: EventDelivery): boolean {
  return deliveredAt !== undefined || isGivenUp === true
}
