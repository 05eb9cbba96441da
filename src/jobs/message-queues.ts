/** The port to the queues that drive jobs. A message is a hint: it may be lost, duplicated, delayed or reordered. */
import * as z from 'zod'
import { serviceNamePattern } from '../models/definition/service-name.ts'
import type { JobQueue } from './job-queues.ts'
import { type JobFolder, jobFolder, oldJobFolder } from './layout.ts'
import type { OpenJob } from './open-job.ts'
import type { AllResults } from './results.ts'
import { jobIdPattern } from './spec.ts'

/** A message of the app: a step of a job. It holds no data and no secrets. The names of its members are those on the wire. */
export const JobMessage = z.strictObject({
  /** Absent for jobs of version 0.1.0, whose ids did not belong to a service. */
  service: z.string().regex(serviceNamePattern).optional(),
  jobId: z.string().regex(jobIdPattern),
  /** Only in the queue `chunk`: number of the chunk in the whole job. */
  chunk: z.int().min(0).optional(),
  /** How often this message has reached the poison queue. */
  poisoned: z.int().min(0).optional(),
  /** The message was re-enqueued after its step failed or stood still: a row of its chunk may have ended a process. */
  isRevival: z.boolean().optional(),
  /** Stands for a message that is redelivered: its step failed where it had none, or too often. */
  isRetry: z.boolean().optional(),
  /** The time of the previous run was up: some rows of the chunk have results, or the first chunks have their messages. */
  isContinued: z.boolean().optional(),
})
export type JobMessage = z.infer<typeof JobMessage>

/** A step of a job: a message, and the queue whose receiver runs it. */
export interface JobStep {
  readonly queue: JobQueue
  readonly message: JobMessage
  /** The job as this process has just stored or read it, for a step that it performs at once. No message has it. */
  readonly job?: OpenJob
  /** What this process has just found of the job, for a step `finish` that it performs at once. No message has it. */
  readonly found?: AllResults
}

export function jobMessage(folder: JobFolder): JobMessage {
  const [jobId = '', service] = folder.split('/').reverse()
  return service === undefined ? { jobId } : { service, jobId }
}

export function messageJobFolder({ service, jobId }: JobMessage): JobFolder {
  return service === undefined ? oldJobFolder(jobId) : jobFolder(service, jobId)
}

/** A message that its sender holds. When it was received all the same, because its time was up, both calls do nothing. */
export interface HeldMessage {
  /** @param seconds  from now on, until it can be received */
  prolong(seconds: number): Promise<void>

  /** Removes it. */
  release(): Promise<void>
}

export interface MessageQueues {
  /**
   * Creates the queue when it is missing. Messages do not expire.
   *
   * @param delaySeconds  until the message can be received
   */
  send(queue: JobQueue, message: JobMessage, delaySeconds?: number): Promise<void>

  /**
   * Sends a message that stands for work which its sender does itself: it can be received when the sender is no longer there to hold
   * it. After a broken connection there may be another one of it, which nobody holds.
   *
   * @param seconds  until it can be received
   */
  hold(queue: JobQueue, message: JobMessage, seconds: number): Promise<HeldMessage>

  /** Puts a submission back into the queue `submit`. @param text  64 KiB at most */
  sendBack(text: string, delaySeconds: number): Promise<void>

  /** Sends a text to a queue of others, which is created when it is missing. @param text  64 KiB at most */
  sendEvent(queueName: string, text: string): Promise<void>
}
