/** Runs the steps of a job in one invocation, so that none waits until its queue is polled. */
import type { Clock } from '../clock.ts'
import type { JobLimits } from './limits.ts'
import { type HeldMessage, type JobStep, type MessageQueues, messageJobFolder } from './message-queues.ts'
import { RunSlots } from './run-slots.ts'

export interface RunOnTools {
  readonly queues: MessageQueues
  readonly clock: Clock
  readonly limits: Pick<JobLimits, 'runOnMs' | 'safetyNetMs' | 'slotWaitMs'>
  readonly stopping: AbortSignal
  /** Runs that no invocation waits for. The app waits for them when it stops, because they enqueue what they leave undone. */
  readonly background: Set<Promise<void>>
  log(line: string): void
  /** @returns the steps that follow */
  perform(step: JobStep): Promise<readonly JobStep[]>
}

/**
 * Whether steps wait for those of other jobs in this process before they are left to their queue. `fair`: those of other services
 * only; beside one of their own service they are left to the queue at once.
 */
export type SlotWait = 'none' | 'fair' | 'full'

/** Starts steps without waiting for messages. A message remains the safety net: this process may end at any instruction. */
export interface StepRunner {
  /**
   * Runs steps and those that follow from them. What there is no time for is enqueued, and so is a step that fails. The caller's
   * own message is the safety net.
   *
   * @param slotWait  default: none
   */
  run(steps: readonly JobStep[], slotWait?: SlotWait): Promise<void>

  /**
   * For callers without a message, whose answer must not wait. Enqueues the step. If this process can begin it soon, the message is held
   * until that run has come to its end, and is received only if it does not.
   *
   * @returns a function that begins the step
   */
  prepare(step: JobStep): Promise<() => void>
}

/**
 * Runs at a time that read or score rows. One less than the messages of a queue that the host delivers at a time, so that slow services
 * do not keep all invocations from splitting and submitting the jobs of others.
 */
const maxRunning = 2
/** Those of callers who wait for their job have slots of their own: it begins at once beside any backlog of messages and files. */
const maxInteractive = 2
const maxWaitingInteractive = 8

export class RunOn implements StepRunner {
  readonly #tools: RunOnTools
  readonly #slots: RunSlots
  readonly #interactiveSlots: RunSlots

  constructor(tools: RunOnTools) {
    this.#tools = tools
    // Each that waits holds an invocation, of which the host limits the number.
    this.#slots = new RunSlots({ ...tools, count: maxRunning, maxWaiting: Number.POSITIVE_INFINITY })
    this.#interactiveSlots = new RunSlots({ ...tools, count: maxInteractive, maxWaiting: maxWaitingInteractive })
  }

  run(steps: readonly JobStep[], slotWait: SlotWait = 'none'): Promise<void> {
    return this.#runIn(this.#slots, steps, slotWait)
  }

  async prepare(step: JobStep): Promise<() => void> {
    const { limits, queues, background, stopping, log } = this.#tools
    const { queue, message } = step
    const slots = this.#interactiveSlots
    if (limits.runOnMs === 0 || stopping.aborted || !(isShort(step) || slots.isOpen)) {
      await queues.send(queue, message)
      return () => {}
    }
    const held = await queues.hold(queue, message, limits.safetyNetMs / 1000)
    return () => {
      const run = this.#holding(held, () => this.#runIn(slots, [step], 'full'))
        .catch(failure => log(`job ${messageJobFolder(message)}: ${asMessage(failure)}`))
        .finally(() => background.delete(run))
      background.add(run)
    }
  }

  /** Runs what a message stands for. After a failure the message is left to its receiver. */
  async #holding(held: HeldMessage, run: () => Promise<void>): Promise<void> {
    const { clock, limits } = this.#tools
    let cancel = () => {}
    const prolongLater = () => {
      cancel = clock.after(limits.safetyNetMs / 2, async () => {
        prolongLater()
        await held.prolong(limits.safetyNetMs / 1000).catch(() => {}) // the next time, or its receiver runs the step beside this one
      })
    }
    prolongLater()
    try {
      await run()
    } finally {
      cancel()
    }
    await held.release()
  }

  async #runIn(slots: RunSlots, steps: readonly JobStep[], slotWait: SlotWait): Promise<void> {
    const long = steps.find(step => !isShort(step))
    const service = long?.message.service ?? ''
    const hasSlot = long !== undefined && (await this.#takeSlot(slots, service, slotWait))
    try {
      await this.#runOn(steps, hasSlot)
    } finally {
      if (hasSlot) slots.release(service)
    }
  }

  async #takeSlot(slots: RunSlots, service: string, slotWait: SlotWait): Promise<boolean> {
    if (slotWait === 'none') return slots.take(service)
    if (slotWait === 'fair' && slots.taken(service) > 0) return false
    return slots.wait(service, this.#tools.limits.slotWaitMs)
  }

  /** @param hasSlot  whether steps may read or score rows */
  async #runOn(steps: readonly JobStep[], hasSlot: boolean): Promise<void> {
    const { clock, limits, stopping, queues } = this.#tools
    const endsAt = clock.monotonicMs() + limits.runOnMs
    const left: JobStep[] = []
    const begin = async (step: JobStep) => {
      const mayBegin = !stopping.aborted && clock.monotonicMs() < endsAt && (hasSlot || isShort(step))
      const following = mayBegin ? await this.#perform(step) : undefined
      if (!following) left.push(mayBegin ? { queue: step.queue, message: { ...step.message, isRetry: true } } : step)
      return following ?? []
    }
    // The chunks of a small job run together, so that one is scored while the result of another is written.
    for (let open = steps; open.length > 0; ) open = (await Promise.all(open.map(begin))).flat()
    for (const { queue, message } of left) await queues.send(queue, message)
  }

  /** @returns undefined when the step failed, which is logged */
  async #perform(step: JobStep): Promise<readonly JobStep[] | undefined> {
    const { log, perform } = this.#tools
    try {
      return await perform(step)
    } catch (failure) {
      const what = `job ${messageJobFolder(step.message)}: the step "${step.queue}"`
      log(`${what} failed, and is enqueued: ${asMessage(failure)}`)
      return undefined
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
