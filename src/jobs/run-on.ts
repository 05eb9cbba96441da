/** Runs the steps of a job one after the other in one invocation, so that none waits until its queue is polled. */
import type { Clock } from '../clock.ts'
import type { JobLimits } from './limits.ts'
import { type JobStep, type MessageQueues, messageJobFolder } from './message-queues.ts'

export interface RunOnTools {
  readonly queues: MessageQueues
  readonly clock: Clock
  readonly limits: Pick<JobLimits, 'runOnMs' | 'safetyNetMs'>
  readonly stopping: AbortSignal
  /** Runs that no invocation waits for. The app waits for them when it stops, because they enqueue what they leave undone. */
  readonly background: Set<Promise<void>>
  log(line: string): void
  /** @returns the steps that follow */
  perform(step: JobStep): Promise<readonly JobStep[]>
}

/** Starts steps without waiting for messages. A message remains the safety net: this process may end at any instruction. */
export interface StepRunner {
  /**
   * Runs steps and those that follow from them. What there is no time for is enqueued, and so is a step that fails. The caller's
   * own message is the safety net.
   */
  run(steps: readonly JobStep[]): Promise<void>

  /**
   * For callers without a message, whose answer must not wait. Enqueues the step: with a delay if this process can begin it now.
   *
   * @returns a function that begins the step
   */
  prepare(step: JobStep): Promise<() => void>
}

/**
 * Steps with rows to read or score that run on at a time. One less than the messages of a queue that the host delivers at a time, so
 * that slow services do not keep all invocations from splitting and submitting the jobs of others.
 */
const maxRunning = 2

export class RunOn implements StepRunner {
  readonly #tools: RunOnTools
  #running = 0

  constructor(tools: RunOnTools) {
    this.#tools = tools
  }

  async run(steps: readonly JobStep[]): Promise<void> {
    const { clock, limits, stopping, queues, log } = this.#tools
    const endsAt = clock.monotonicMs() + limits.runOnMs
    const open = [...steps]
    const left: JobStep[] = []
    for (let step = open.shift(); step; step = open.shift()) {
      if (stopping.aborted || clock.monotonicMs() >= endsAt || !this.#hasCapacity(step)) {
        left.push(step)
        continue
      }
      try {
        open.push(...(await this.#perform(step)))
      } catch (failure) {
        const what = `job ${messageJobFolder(step.message)}: the step "${step.queue}"`
        log(`${what} failed, and is enqueued: ${asMessage(failure)}`)
        left.push(step)
      }
    }
    for (const { queue, message } of left) await queues.send(queue, message)
  }

  async prepare(step: JobStep): Promise<() => void> {
    const { limits, queues, background, log } = this.#tools
    const { queue, message } = step
    if (!this.#hasCapacity(step) || limits.runOnMs === 0) {
      await queues.send(queue, message)
      return () => {}
    }
    await queues.send(queue, message, limits.safetyNetMs / 1000)
    return () => {
      const run = this.run([step])
        .catch(failure => log(`job ${messageJobFolder(message)}: ${asMessage(failure)}`))
        .finally(() => background.delete(run))
      background.add(run)
    }
  }

  #hasCapacity(step: JobStep): boolean {
    return isShort(step) || this.#running < maxRunning
  }

  async #perform(step: JobStep): Promise<readonly JobStep[]> {
    if (isShort(step)) return this.#tools.perform(step)
    this.#running++
    try {
      return await this.#tools.perform(step)
    } finally {
      this.#running--
    }
  }
}

/** Whether it only commits what exists. */
function isShort({ queue }: JobStep): boolean {
  return queue === 'finish'
}

function asMessage(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}
