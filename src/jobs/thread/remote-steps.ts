import { ScoringError } from '../../errors.ts'
import type { JobStep } from '../message-queues.ts'
import type { SlotWait, StepRunner } from '../run-on.ts'
import type { JobSteps } from '../steps.ts'
import type { Calls } from './calls.ts'
import { ThreadEnded } from './failures.ts'
import type { StepFunctions } from './functions.ts'

/** The steps of jobs, run by another thread. */
export class RemoteSteps implements JobSteps {
  readonly #calls: () => Calls<StepFunctions>

  /** @param calls  to the thread, which is started anew when it has ended */
  constructor(calls: () => Calls<StepFunctions>) {
    this.#calls = calls
  }

  readonly split: JobSteps['split'] = (message, hostTrace) => this.#calls().call('split', { message, hostTrace })

  readonly chunk: JobSteps['chunk'] = (message, deliveryCount, hostTrace) =>
    this.#calls().call('chunk', { message, deliveryCount, hostTrace })

  readonly finish: JobSteps['finish'] = (message, hostTrace) => this.#calls().call('finish', { message, hostTrace })

  readonly poisoned: JobSteps['poisoned'] = (step, message) => this.#calls().call('poisoned', { step, message })

  readonly reportDeaths: JobSteps['reportDeaths'] = requests => this.#calls().call('reportDeaths', requests)

  readonly sweep: JobSteps['sweep'] = () => this.#calls().call('sweep', undefined)

  readonly runner: StepRunner = {
    run: (steps: readonly JobStep[], slotWait?: SlotWait) => this.#calls().call('run', { steps, slotWait }),
    // The caller waits, and the next thread can do it. A step that was enqueued twice does no harm.
    prepare: (step: JobStep) => this.#prepare(step).catch(ifEnded(() => this.#prepare(step).catch(ifEnded(tryLater)))),
  }

  async #prepare(step: JobStep): Promise<() => void> {
    const calls = this.#calls()
    const prepared = await calls.call('prepare', step)
    return () => calls.tell('begin', prepared)
  }
}

/** @throws what is not for `next` */
function ifEnded<T>(next: () => T): (failure: unknown) => T {
  return failure => {
    if (failure instanceof ThreadEnded) return next()
    throw failure
  }
}

function tryLater(): never {
  throw new ScoringError('JOBS_UNAVAILABLE', 'The work on jobs ended in this process; try again.')
}

interface ServedSteps {
  readonly stopping: AbortController
  /** Runs that no invocation waits for. */
  readonly background: ReadonlySet<Promise<void>>
}

/** The same, in the thread that runs them. */
export function serveSteps(steps: JobSteps, { stopping, background }: ServedSteps): StepFunctions {
  const prepared = new Map<number, () => void>()
  let count = 0
  return {
    split: ({ message, hostTrace }) => steps.split(message, hostTrace),
    chunk: ({ message, deliveryCount, hostTrace }) => steps.chunk(message, deliveryCount, hostTrace),
    finish: ({ message, hostTrace }) => steps.finish(message, hostTrace),
    poisoned: ({ step, message }) => steps.poisoned(step, message),
    reportDeaths: requests => steps.reportDeaths(requests),
    sweep: () => steps.sweep(),
    run: ({ steps: first, slotWait }) => steps.runner.run(first, slotWait),
    prepare: async step => {
      const begin = await steps.runner.prepare(step)
      prepared.set(count, begin)
      return count++
    },
    begin: number => {
      prepared.get(number)?.()
      prepared.delete(number)
    },
    stop: async () => {
      stopping.abort()
      for (const begin of prepared.values()) begin() // so that they are left to others at once
      prepared.clear()
      await Promise.all(background)
    },
  }
}
