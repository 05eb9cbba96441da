import { jobQueues } from '../../../src/jobs/job-queues.ts'
import type { JobMessage } from '../../../src/jobs/message-queues.ts'
import type { ReceivedMessage } from '../../support/memory-queues.ts'
import type { JobProcess } from './job-process.ts'
import type { JobWorld } from './job-world.ts'

const steps = ['split', 'chunk', 'finish'] as const
type Step = (typeof steps)[number]

interface Delivery {
  readonly process: JobProcess
  readonly queue: string
  readonly message: ReceivedMessage
}

/** Messages that one process handles at a time. */
const mostBusy = 2

/** A host renews its messages as long as it lives; one that is frozen for minutes does not, and loses them to another. */
const invisibleSeconds = { renewed: 604_800, lost: 600 }

/** Delivers messages to processes by the rules of the queue trigger. Where there is a sweeper, long work does not renew its message. */
export class JobHost {
  /** Messages that were received more than once. */
  redeliveries = 0
  /** Lost and doubled ones. */
  mishaps = 0
  /** Chunks whose messages came to the poison queue, once for each time. */
  readonly poisonedChunks: number[] = []
  poisonedOthers = 0
  readonly #world: JobWorld
  #deliveries: Delivery[] = []

  constructor(world: JobWorld) {
    this.#world = world
  }

  /** Chunk messages that wait. */
  get waitingChunks(): number {
    const delivered = new Set(this.#deliveries.map(({ message }) => message.id))
    return this.#world.queues.peek(jobQueues.chunk).filter(({ id }) => !delivered.has(id)).length
  }

  get isQuiet(): boolean {
    const { queues } = this.#world
    return Object.values(jobQueues).every(
      queue => queues.peek(queue).length + queues.peek(`${queue}-poison`).length === 0,
    )
  }

  /** Makes its messages visible again: at once if the host sees it die, otherwise after their timeout. */
  died(process: JobProcess): void {
    for (const { queue, message } of this.#deliveries.filter(each => each.process === process)) {
      this.#world.queues.update(queue, message, this.#world.random.pick([0, 30, 600]))
    }
    this.#deliveries = this.#deliveries.filter(each => each.process !== process)
  }

  loseOrDouble(): void {
    const { queues, random, scenario } = this.#world
    const queue = jobQueues[random.pick(steps)]
    const messages = queues.peek(queue)
    if (this.mishaps >= scenario.mishaps || messages.length === 0) return
    this.mishaps++
    const { id } = random.pick(messages)
    if (random.isTrue(0.5) && scenario.hasSweeper) queues.lose(queue, id)
    else queues.duplicate(queue, id)
  }

  /** @returns whether there was a message for a process with capacity */
  deliver(): boolean {
    const { processes, queues, random } = this.#world
    const invisible = invisibleSeconds[this.#world.scenario.hasSweeper ? 'lost' : 'renewed']
    const free = processes.filter(({ busy }) => busy < mostBusy)
    if (free.length === 0) return false
    const process = random.pick(free)
    const names = steps.flatMap(step => [
      { step, queue: jobQueues[step] as string, isPoison: false },
      { step, queue: `${jobQueues[step]}-poison`, isPoison: true },
    ])
    const start = Math.floor(random.next() * names.length)
    for (const { step, queue, isPoison } of [...names.slice(start), ...names.slice(0, start)]) {
      const message = queues.receive(queue, invisible)
      if (!message) continue
      if (message.dequeueCount > 1) this.redeliveries++
      this.#work({ process, queue, message }, step, isPoison)
      return true
    }
    return false
  }

  #work(delivery: Delivery, step: Step, isPoison: boolean): void {
    const { process, queue, message } = delivery
    const { queues, scenario } = this.#world
    // Its process died at the last delivery, before it could move the message.
    if (!isPoison && message.dequeueCount > scenario.maxDequeueCount) return this.#toPoison(delivery, step)
    this.#deliveries.push(delivery)
    process.busy++
    const over = (then: () => void) => () => {
      if (process.isDead) return
      process.busy--
      this.#deliveries = this.#deliveries.filter(each => each !== delivery)
      then()
    }
    const run = async () => {
      const content = JSON.parse(message.text) as JobMessage
      if (step === 'split' && !content.isContinued) this.#world.seen.planners++
      if (isPoison) await process.steps.poisoned(step, content)
      else if (step === 'chunk') await process.steps.chunk(content, message.dequeueCount)
      else await process.steps[step](content)
      // The process may die when only this is left.
      await process.call('delete', queue, async () => queues.delete(queue, message))
    }
    const failed = () => {
      if (!isPoison && message.dequeueCount >= scenario.maxDequeueCount) this.#toPoison(delivery, step)
      else queues.update(queue, message, isPoison ? 600 : 30)
    }
    const done = over(() => {})
    run().then(done, over(failed))
  }

  #toPoison({ queue, message }: Delivery, step: Step): void {
    if (step === 'chunk') this.poisonedChunks.push((JSON.parse(message.text) as { chunk: number }).chunk)
    else this.poisonedOthers++
    this.#world.queues.put(`${queue}-poison`, message.text)
    this.#world.queues.delete(queue, message)
  }
}
