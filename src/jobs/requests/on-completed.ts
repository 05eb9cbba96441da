/** Where the event of a job's end is sent. */
import * as z from 'zod'
import { ScoringError } from '../../errors.ts'
import type { JobSpec } from '../spec.ts'

export const OnCompleted = z
  .strictObject({
    queue: z.string().optional().describe('a queue of the storage account of the app'),
    url: z
      .url({ protocol: /^https$/, error: 'must be an https URL' })
      .optional()
      .describe('an address that takes CloudEvents; only on the hosts in SCORING_JOB_EVENT_HOSTS'),
  })
  .refine(({ queue, url }) => (queue === undefined) !== (url === undefined), 'must have one of "queue" and "url"')
  .describe('where a CloudEvent is sent when the job has ended')
export type OnCompleted = z.infer<typeof OnCompleted>

export interface EventLimits {
  /** Queues that may get events. */
  readonly eventQueues: readonly string[]
  /** Hosts that may get events, with a port if it is not 443. */
  readonly eventHosts: readonly string[]
}

/**
 * @returns the target without the query of its URL, and that query, which is often a secret
 * @throws ScoringError JOB_EVENT_NOT_ALLOWED, which does not repeat the query
 */
export function allowEvent(
  { queue, url }: OnCompleted,
  { eventQueues, eventHosts }: EventLimits,
): { readonly target: NonNullable<JobSpec['onCompleted']>; readonly signature: string } {
  if (queue !== undefined) {
    if (eventQueues.includes(queue)) return { target: { queue }, signature: '' }
    throw refused(`queue: jobs may send to ${list(eventQueues, 'no queue')} (SCORING_JOB_EVENT_QUEUES), not "${queue}"`)
  }
  const { username, password, host, origin, pathname, search } = new URL(url as string)
  if (username || password) throw refused('url: must not contain a user name or password')
  if (!eventHosts.some(each => each.toLowerCase() === host)) {
    throw refused(`url: jobs may send to ${list(eventHosts, 'no host')} (SCORING_JOB_EVENT_HOSTS), not ${host}`)
  }
  return { target: { url: origin + pathname }, signature: search }
}

/**
 * Reads where a refused submission wants its event. A message has no query in a URL, which would be a secret in plain text.
 *
 * @param onCompleted  not validated yet
 * @returns undefined when it names no place that is allowed
 */
export function findTarget(onCompleted: unknown, limits: EventLimits): JobSpec['onCompleted'] {
  const { data } = OnCompleted.safeParse(onCompleted)
  try {
    const { target, signature } = data ? allowEvent(data, limits) : {}
    return signature === '' ? target : undefined
  } catch {
    return undefined // if this is why it was refused, its status says so
  }
}

function list(names: readonly string[], none: string): string {
  return names.length > 0 ? names.join(', ') : none
}

function refused(why: string): ScoringError {
  return new ScoringError('JOB_EVENT_NOT_ALLOWED', `onCompleted.${why}`)
}
