import type { ReceivedEvent } from './event-receiver.ts'
import { isMessage } from './job-maker.ts'
import type { FinishedJob } from './job-run.ts'

/**
 * What is wrong with the events that have come: at least one for each job that asked for it, each of them as the job ended, and none
 * of another job.
 */
export function findEventFaults(finished: readonly FinishedJob[], events: readonly ReceivedEvent[]): string[] {
  const faults: string[] = []
  const jobs = new Map(finished.filter(({ job }) => job.event).map(each => [each.job.jobId, each]))
  const ids = new Map<string, string>()
  const refused = new Set<string>()
  for (const { id, type, source, subject, data } of events) {
    const known = jobs.get(subject)
    if (!known) {
      if (tellsOfRepetition({ subject, data, type })) refused.add(subject)
      else faults.push(`there is an event of ${subject}, which asked for none: ${JSON.stringify(data)}`)
      continue
    }
    if ((ids.get(subject) ?? id) !== id)
      faults.push(`${subject}: its events have two ids, ${ids.get(subject)} and ${id}`)
    ids.set(subject, id)
    const { job, end } = known
    if (end.status === 'Deleted') continue
    const counts = (progress: object) => JSON.stringify(progress)
    const right = [
      `…BatchJob.${end.status}`,
      `/api/v1/service/${job.service}/jobs`,
      job.jobId,
      end.status,
      counts(end.progress),
    ]
    const found = [type.replace('ScoringFunctions.', '…'), source, data.jobId, data.status, counts(data.progress)]
    if (found.join() !== right.join()) faults.push(`${subject}: its event says ${found}; it is ${right}`)
  }
  const repeated = finished.filter(({ job }) => job.event && job.isDeleted && isMessage(job.by)).length
  if (refused.size > repeated)
    faults.push(
      `${repeated} messages of deleted jobs were sent again, and ${refused.size} events tell of their refusal`,
    )
  return faults
}

/** The message of a deleted job is sent once more, as a new one. It is refused, and a failed job that is named by it. */
function tellsOfRepetition({ subject, type, data }: Pick<ReceivedEvent, 'subject' | 'type' | 'data'>): boolean {
  const { status, error } = data
  return (
    subject.startsWith('message-') && type.endsWith('.Failed') && status === 'Failed' && error?.code === 'JOB_ID_TAKEN'
  )
}

/** Jobs whose event has not come. One that was deleted may have been so before it was sent. */
export function listAwaited(finished: readonly FinishedJob[], events: readonly ReceivedEvent[]): string[] {
  const come = new Set(events.map(({ subject }) => subject))
  return finished
    .filter(({ job, end }) => job.event && !job.isDeleted && end.status !== 'Deleted' && !come.has(job.jobId))
    .map(({ job }) => job.jobId)
}
