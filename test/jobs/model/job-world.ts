import assert from 'node:assert/strict'
import { activePlace, placeOf, specPlace, statePlace } from '../../../src/jobs/job-layout.ts'
import { changeState, ensureState } from '../../../src/jobs/job-records.ts'
import type { JobSpec } from '../../../src/jobs/job-spec.ts'
import { hasEnded, type JobState, type JobStatus, transitions } from '../../../src/jobs/job-state.ts'
import { type JobMessage, jobQueues } from '../../../src/jobs/message-queues.ts'
import { MemoryBlobStore } from '../../support/memory-blob-store.ts'
import { MemoryQueues, type ReceivedMessage } from '../../support/memory-queues.ts'
import { StorageFault } from '../../support/storage-hooks.ts'
import { settle } from '../../support/virtual-clock.ts'
import { type Call, JobProcess, transientFault } from './job-process.ts'
import { Random } from './random.ts'
import type { Scenario } from './scenario.ts'
import { Suspicions } from './suspicions.ts'

export const jobId = 'job'
export const inputBlob = 'input/rows'
export const outputBlob = 'output/predictions'
const foreignText = 'written by somebody else'

const steps = ['split', 'chunk', 'finish'] as const
type Step = (typeof steps)[number]

interface Delivery {
  readonly process: JobProcess
  readonly queue: string
  readonly message: ReceivedMessage
}

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** Storage, queues and a host with several processes, in which one thing happens at a time, and things go wrong. */
export class JobWorld {
  now = Date.UTC(2026, 0, 1)
  /** Of processes that wait for them to happen. */
  calls: Call[] = []
  readonly sent: JobMessage[] = []
  readonly random: Random
  readonly store: MemoryBlobStore
  readonly queues: MemoryQueues
  readonly scenario: Scenario
  readonly spec: JobSpec
  processes: JobProcess[]
  /** What has gone wrong so far. */
  readonly done = { faults: 0, kills: 0, redeliveries: 0, mishaps: 0, foreign: 0, inputChanges: 0, cancels: 0 }
  /** Chunks whose messages came to the poison queue, once for each time. */
  readonly poisonedChunks: number[] = []
  poisonedOthers = 0
  /** What makes a row that is scored alone look as if it ended processes. */
  readonly suspicions = new Suspicions()
  #deliveries: Delivery[] = []
  #timers = new Set<Timer>()
  #isFaulty = true
  #turn = 0
  /** Its text. */
  #lastState: string | undefined
  #sweeping: JobProcess | undefined
  /** That wait at the same time. */
  mostChunkMessages = 0

  constructor(scenario: Scenario, input: string) {
    this.scenario = scenario
    this.random = new Random(scenario.seed)
    this.store = new MemoryBlobStore({ now: () => this.now, random: () => 0.99 })
    this.queues = new MemoryQueues({ now: () => this.now, random: this.random.next })
    this.store.put(placeOf(inputBlob), input)
    this.spec = {
      jobId,
      service: 'service',
      fingerprint: 'f00d',
      modelDigest: 'digest',
      input: {
        place: { blob: inputBlob },
        etag: '',
        bytes: Buffer.byteLength(input),
        format: scenario.inputFormat,
        isGzip: false,
      },
      output: { blob: outputBlob, format: scenario.outputFormat },
      miniBatchSize: scenario.miniBatchSize,
      errorThreshold: scenario.errorThreshold,
      maxRetries: 3,
      createdAt: new Date(this.now).toISOString(),
    }
    this.processes = Array.from({ length: scenario.processCount }, () => new JobProcess(this))
  }

  get state(): JobState | undefined {
    const text = this.store.text(statePlace(jobId))
    return text === undefined ? undefined : (JSON.parse(text) as JobState)
  }

  get isActive(): boolean {
    return this.store.text(activePlace(jobId)) !== undefined
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.now + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  kill(process: JobProcess): void {
    if (process.isDead) return
    process.isDead = true
    this.suspicions.died(process)
    this.calls = this.calls.filter(call => call.process !== process)
    // What it had in hand comes back: at once where the host sees it die, else when the message becomes visible again.
    for (const { queue, message } of this.#deliveries.filter(each => each.process === process)) {
      this.queues.update(queue, message, this.random.pick([0, 30, 600]))
    }
    this.#deliveries = this.#deliveries.filter(each => each.process !== process)
    if (this.#sweeping === process) this.#sweeping = undefined
    this.processes = this.processes.map(each => (each === process ? new JobProcess(this) : each))
  }

  async run(): Promise<void> {
    const head = await this.store.head(placeOf(inputBlob))
    ;(this.spec.input as { etag: string }).etag = head?.etag as string
    this.#submit()
    await settle()
    for (; this.#turn < this.scenario.turns; this.#turn++) {
      await this.#turnOnce()
      this.#check()
    }
    this.#isFaulty = false
    await this.#settleDown()
  }

  /** No more faults: whatever has happened, the job comes to its end. */
  async #settleDown(): Promise<void> {
    let sweeps = 0
    for (let turns = 0; ; turns++) {
      assert.ok(turns < 20_000 && sweeps < 1000, `the job never ends: ${JSON.stringify(this.state)}`)
      this.#check()
      if (this.calls.length > 0 && this.random.isTrue(0.8)) await this.#happen()
      else if (this.#deliver()) await settle()
      else if (this.calls.length > 0) await this.#happen()
      else if ((this.state?.status ?? 'NotStarted') === 'NotStarted' && !this.isActive) {
        this.#submit() // whoever wanted the job had no answer, and asks again
        await settle()
      } else {
        const isQuiet = Object.values(jobQueues).every(
          queue => this.queues.peek(queue).length + this.queues.peek(`${queue}-poison`).length === 0,
        )
        if (isQuiet && this.state && hasEnded(this.state.status) && !this.isActive) {
          if (sweeps > 0) return
        }
        this.#advance(61_000)
        sweeps++
        this.#sweep()
        await settle()
      }
    }
  }

  async #turnOnce(): Promise<void> {
    const { cancelAt, changeInputAt, intruder, dropBlocksAt } = this.scenario
    if (this.#turn === cancelAt) this.#cancel()
    if (this.#turn === changeInputAt) {
      this.done.inputChanges++
      this.store.put(placeOf(inputBlob), '{"id":99,"kind":"ok"}\n')
    }
    if (this.#turn === intruder?.at && this.store.text(placeOf(outputBlob)) === undefined) {
      this.done.foreign++
      this.store.put(placeOf(outputBlob), foreignText)
    }
    if (this.#turn === intruder?.leavesAt && this.store.text(placeOf(outputBlob)) === foreignText) {
      await this.store.remove(placeOf(outputBlob))
    }
    if (this.#turn === dropBlocksAt) this.store.dropStagedBlocks(placeOf(outputBlob))
    const chance = this.random.next()
    if (chance < 0.02) this.#advance(this.random.pick([1000, 30_000, 100_000, 700_000]))
    else if (chance < 0.03) this.#sweep()
    else if (chance < 0.05) this.#mishap()
    else if (chance < 0.06 && this.random.isTrue(0.2)) this.#submit()
    else if (chance < 0.3) this.#deliver() || this.#idle()
    else if (this.calls.length > 0) return this.#happen()
    else this.#deliver() || this.#idle()
    await settle()
  }

  #idle(): void {
    if (this.calls.length === 0) {
      this.#advance(this.random.pick([1000, 15_000, 61_000]))
      if (this.random.isTrue(0.3)) this.#sweep()
    }
  }

  /** One of the calls happens, or fails, or its process dies. */
  async #happen(): Promise<void> {
    const index = Math.floor(this.random.next() * this.calls.length)
    const [call] = this.calls.splice(index, 1)
    if (!call) return
    const fate = this.#fateOf(call)
    if (fate !== 'happens') this.suspicions.failed(call)
    if (fate === 'dies before') this.kill(call.process)
    else if (fate === 'fails before') call.reject(call.name === 'score' ? transientFault : new StorageFault('503'))
    else {
      const perform = async () => {
        if (fate === 'is tried twice') await this.#perform(call)
        return this.#perform(call)
      }
      await perform().then(
        result => {
          if (fate === 'dies after') this.kill(call.process)
          if (call.process.isDead) return
          if (fate === 'fails after') call.reject(new StorageFault('the connection broke'))
          else call.resolve(result)
        },
        failure => call.process.isDead || call.reject(failure),
      )
    }
    await settle()
  }

  async #perform(call: Call): Promise<unknown> {
    const result = await call.effect()
    this.suspicions.happened(call, result, this.now)
    return result
  }

  #fateOf({
    name,
    target,
  }: Call): 'happens' | 'dies before' | 'dies after' | 'fails before' | 'fails after' | 'is tried twice' {
    if (!this.#isFaulty) return 'happens'
    const { faults, kills, aim } = this.scenario
    if (aim === 'scoring' && name !== 'score' && !target.includes('/careful/')) return 'happens'
    const rate = aim === 'scoring' ? 0.4 : this.scenario.rate
    if (this.done.kills < kills && this.random.isTrue(rate / 2)) {
      this.done.kills++
      return this.random.pick(['dies before', 'dies after'])
    }
    if (this.done.faults < faults && this.random.isTrue(rate)) {
      this.done.faults++
      return name === 'score' ? 'fails before' : this.random.pick(['fails before', 'fails after', 'is tried twice'])
    }
    return 'happens'
  }

  /** Whoever wants the job; each of these calls may be the last one of its process. */
  #submit(): void {
    const process = this.random.pick(this.processes)
    const { store, queues } = process.tools
    const submit = async () => {
      await store.create(activePlace(jobId), '')
      await store.create(specPlace(jobId), JSON.stringify(this.spec))
      const state = await ensureState(store, this.spec)
      if (state?.status !== 'NotStarted') return
      await store.create(activePlace(jobId), '') // it may have waited so long that the sweeper took it for an orphan
      await queues.send('split', { jobId })
    }
    submit().catch(() => {})
  }

  #cancel(): void {
    if (!this.state || hasEnded(this.state.status)) return
    this.done.cancels++
    const { store, queues } = this.random.pick(this.processes).tools
    const cancel = async () => {
      await changeState(store, jobId, ['NotStarted', 'Running'], 'CancelRequested')
      await queues.send('finish', { jobId })
    }
    cancel().catch(() => {})
  }

  #sweep(): void {
    if (this.#sweeping && this.random.isTrue(0.8)) return
    const process = this.random.pick(this.processes)
    this.#sweeping = process
    const over = () => {
      if (this.#sweeping === process) this.#sweeping = undefined
    }
    process.steps.sweep().then(over, over)
  }

  #mishap(): void {
    if (this.done.mishaps >= this.scenario.mishaps) return
    const queue = jobQueues[this.random.pick(steps)]
    const messages = this.queues.peek(queue)
    if (messages.length === 0) return
    this.done.mishaps++
    const { id } = this.random.pick(messages)
    if (this.random.isTrue(0.5)) this.queues.lose(queue, id)
    else this.queues.duplicate(queue, id)
  }

  /** @returns whether there was a message for a process that has time */
  #deliver(): boolean {
    const free = this.processes.filter(({ busy }) => busy < 2)
    if (free.length === 0) return false
    const process = this.random.pick(free)
    const names = steps.flatMap(step => [
      { step, queue: jobQueues[step] as string, isPoison: false },
      { step, queue: `${jobQueues[step]}-poison`, isPoison: true },
    ])
    const start = Math.floor(this.random.next() * names.length)
    for (const { step, queue, isPoison } of [...names.slice(start), ...names.slice(0, start)]) {
      const message = this.queues.receive(queue, 600)
      if (!message) continue
      if (message.dequeueCount > 1) this.done.redeliveries++
      this.#work({ process, queue, message }, step, isPoison)
      return true
    }
    return false
  }

  #work(delivery: Delivery, step: Step, isPoison: boolean): void {
    const { process, queue, message } = delivery
    const { maxDequeueCount } = this.scenario
    // A crash takes no notice of counts: the message is moved when it is received once too often.
    if (!isPoison && message.dequeueCount > maxDequeueCount) return this.#toPoison(delivery, step)
    this.#deliveries.push(delivery)
    process.busy++
    const over = (then: () => void) => () => {
      if (process.isDead) return
      process.busy--
      this.#deliveries = this.#deliveries.filter(each => each !== delivery)
      then()
    }
    const run = async () => {
      const content: unknown = JSON.parse(message.text)
      if (isPoison) await process.steps.poisoned(step, content)
      else if (step === 'chunk') await process.steps.chunk(content, message.dequeueCount)
      else await process.steps[step](content)
      // The process may die when all is done but this.
      await process.call('delete', queue, async () => this.queues.delete(queue, message))
    }
    const isSpent = !isPoison && message.dequeueCount >= maxDequeueCount
    const failed = () => {
      if (isSpent) this.#toPoison(delivery, step)
      else this.queues.update(queue, message, isPoison ? 600 : 30)
    }
    run().then(
      over(() => {}),
      over(failed),
    )
  }

  #toPoison({ queue, message }: Delivery, step: Step): void {
    if (step === 'chunk') this.poisonedChunks.push((JSON.parse(message.text) as { chunk: number }).chunk)
    else this.poisonedOthers++
    this.queues.put(`${queue}-poison`, message.text)
    this.queues.delete(queue, message)
  }

  #advance(ms: number): void {
    this.now += ms
    this.suspicions.waited(this.now, this.calls)
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.now)) {
      this.#timers.delete(timer)
      timer.callback()
    }
  }

  /** What has to hold after every turn. */
  #check(): void {
    const inHand = new Set(this.#deliveries.map(({ message }) => message.id))
    const waiting = this.queues.peek(jobQueues.chunk).filter(({ id }) => !inHand.has(id))
    this.mostChunkMessages = Math.max(this.mostChunkMessages, waiting.length)
    const text = this.store.text(statePlace(jobId))
    if (text === undefined || text === this.#lastState) return
    const { status } = JSON.parse(text) as JobState
    const before = this.#lastState === undefined ? undefined : (JSON.parse(this.#lastState) as JobState)
    const allowed: readonly JobStatus[] = before ? transitions[before.status] : ['NotStarted']
    assert.ok(allowed.includes(status), `from ${before?.status} to ${status}`)
    this.#lastState = text
  }
}
