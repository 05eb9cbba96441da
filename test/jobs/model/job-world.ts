import assert from 'node:assert/strict'
import { activeBlob, jobFolder, parseBlobReference, stateBlob } from '../../../src/jobs/layout.ts'
import type { JobMessage } from '../../../src/jobs/message-queues.ts'
import type { JobSpec } from '../../../src/jobs/spec.ts'
import { hasEnded, type JobState, type JobStatus, transitions } from '../../../src/jobs/state.ts'
import { MemoryBlobStore } from '../../support/memory-blob-store.ts'
import { MemoryQueues } from '../../support/memory-queues.ts'
import { StorageFault } from '../../support/storage-hooks.ts'
import { settle } from '../../support/virtual-clock.ts'
import { Fates } from './fates.ts'
import { JobHost } from './job-host.ts'
import { type Call, JobProcess, transientFault } from './job-process.ts'
import { Random } from './random.ts'
import type { Scenario } from './scenario.ts'
import { Suspicions } from './suspicions.ts'
import { cancel, meddle, submit } from './users.ts'

/** The job in messages. */
export const job = { service: 'service', jobId: 'job' }
export const folder = jobFolder(job.service, job.jobId)
export const inputBlob = 'input/rows'
export const outputBlob = 'output/predictions'
/** Names of several files, and of their outputs. */
export const inputName = (file: number) => (file === 0 ? inputBlob : `${inputBlob}-${file}`)
export const outputName = (file: number) => (file === 0 ? outputBlob : `${outputBlob}-${file}`)

/** Storage, queues and several processes that take turns, with faults. */
export class JobWorld {
  now = Date.UTC(2026, 0, 1)
  /** Calls of processes that have not taken effect. */
  calls: Call[] = []
  processes: JobProcess[]
  readonly scenario: Scenario
  readonly spec: JobSpec
  readonly random: Random
  readonly store: MemoryBlobStore
  readonly queues: MemoryQueues
  readonly host: JobHost
  readonly fates: Fates
  readonly suspicions = new Suspicions()
  /** Actions of users, and observations. */
  readonly seen = { planners: 0, cancels: 0, inputChanges: 0, intruders: 0, waitingChunks: 0, sent: [] as JobMessage[] }
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  /** Last text of `state.json`. */
  #lastState: string | undefined

  constructor(scenario: Scenario, spec: JobSpec, inputs: readonly string[]) {
    this.scenario = scenario
    this.spec = spec
    this.random = new Random(scenario.seed)
    this.store = new MemoryBlobStore({ now: () => this.now, random: () => 0.99 })
    this.queues = new MemoryQueues({ now: () => this.now, random: this.random.next })
    for (const [file, input] of inputs.entries()) this.store.put(parseBlobReference(inputName(file)), input)
    this.host = new JobHost(this)
    this.fates = new Fates(scenario, this.random)
    this.processes = Array.from({ length: scenario.processCount }, () => new JobProcess(this))
  }

  get state(): JobState | undefined {
    const text = this.store.text(stateBlob(folder))
    return text === undefined ? undefined : (JSON.parse(text) as JobState)
  }

  get isActive(): boolean {
    return this.store.text(activeBlob(folder)) !== undefined
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.now + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Kills a process and starts another one. */
  kill(process: JobProcess): void {
    if (process.isDead) return
    process.isDead = true
    this.suspicions.died(process)
    this.host.died(process)
    this.calls = this.calls.filter(call => call.process !== process)
    this.processes = this.processes.map(each => (each === process ? new JobProcess(this) : each))
  }

  async run(): Promise<void> {
    submit(this)
    await settle()
    for (let turn = 0; turn < this.scenario.turns; turn++) {
      await meddle(this, turn)
      await this.#turn()
      this.#check()
    }
    this.fates.isOver = true
    if (!this.scenario.hasSweeper) await this.#settleUnswept()
    await this.#settleDown()
  }

  async #turn(): Promise<void> {
    const chance = this.random.next()
    if (chance < 0.02) this.#advance(this.random.pick([1000, 30_000, 100_000, 700_000]))
    else if (chance < 0.03) this.#sweepDuringFaults()
    else if (chance < 0.05) this.host.loseOrDouble()
    else if (chance < 0.052) submit(this)
    else if (chance >= 0.3 && this.calls.length > 0) await this.#happen()
    else if (!this.host.deliver() && this.calls.length === 0) {
      this.#advance(this.random.pick([1000, 15_000, 61_000]))
      if (this.random.isTrue(0.3)) this.#sweepDuringFaults()
    }
    await settle()
  }

  /** Without further faults, the job must end. */
  async #settleDown(): Promise<void> {
    let sweeps = 0
    for (let turns = 0; ; turns++) {
      assert.ok(turns < 20_000 && sweeps < 1000, `the job never ends: ${JSON.stringify(this.state)}`)
      const status = this.state?.status ?? 'NotStarted'
      if (this.calls.length > 0 && this.random.isTrue(0.8)) await this.#happen()
      else if (!this.host.deliver()) {
        if (this.calls.length > 0) await this.#happen()
        else if (status === 'NotStarted' && !this.isActive)
          submit(this) // the user repeats a submission without an answer
        else if (sweeps > 0 && hasEnded(status) && !this.isActive && this.host.isQuiet) return
        else {
          this.#advance(61_000)
          this.#sweep()
          sweeps++
        }
      }
      await settle()
      this.#check()
    }
  }

  /** Nothing was lost, so the job must end by its messages alone: nobody sees a sweep for a minute or two. */
  async #settleUnswept(): Promise<void> {
    for (let turns = 0; ; turns++) {
      assert.ok(turns < 20_000, `the job never ends: ${JSON.stringify(this.state)}`)
      const status = this.state?.status ?? 'NotStarted'
      if (this.calls.length > 0 && this.random.isTrue(0.8)) await this.#happen()
      else if (!this.host.deliver()) {
        if (this.calls.length > 0) await this.#happen()
        else if (!this.host.isQuiet) this.#advance(61_000)
        else if (hasEnded(status)) return
        // Users repeat what failed.
        else if (status === 'NotStarted') submit(this)
        else if (status === 'CancelRequested') cancel(this)
        else assert.fail(`the job stands still: ${JSON.stringify(this.state)}`)
      }
      await settle()
      this.#check()
    }
  }

  /** Performs one of the calls, or fails it, or kills its process. */
  async #happen(): Promise<void> {
    const [call] = this.calls.splice(Math.floor(this.random.next() * this.calls.length), 1)
    if (!call) return
    const fate = this.fates.of(call)
    if (fate !== 'happens') this.suspicions.failed(call)
    if (fate === 'dies before') return this.kill(call.process)
    if (fate === 'fails before') return call.reject(call.name === 'score' ? transientFault : new StorageFault('503'))
    try {
      if (fate === 'is tried twice') await this.#perform(call)
      const result = await this.#perform(call)
      if (fate === 'dies after') this.kill(call.process)
      if (call.process.isDead) return
      if (fate === 'fails after') call.reject(new StorageFault('the connection broke'))
      else call.resolve(result)
    } catch (failure) {
      if (!call.process.isDead) call.reject(failure)
    }
  }

  async #perform(call: Call): Promise<unknown> {
    const result = await call.effect()
    this.suspicions.happened(call, result, this.now)
    return result
  }

  #sweepDuringFaults(): void {
    if (this.scenario.hasSweeper) this.#sweep()
  }

  #sweep(): void {
    this.random
      .pick(this.processes)
      .steps.sweep()
      .catch(() => {})
  }

  #advance(ms: number): void {
    this.now += ms
    this.suspicions.waited(this.now, this.calls)
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.now)) {
      this.#timers.delete(timer)
      timer.callback()
    }
  }

  /** Checks after every turn that the state changes as allowed. */
  #check(): void {
    this.seen.waitingChunks = Math.max(this.seen.waitingChunks, this.host.waitingChunks)
    const text = this.store.text(stateBlob(folder))
    if (text === undefined || text === this.#lastState) return
    const { status } = JSON.parse(text) as JobState
    const before = this.#lastState === undefined ? undefined : (JSON.parse(this.#lastState) as JobState)
    const allowed: readonly JobStatus[] = before ? transitions[before.status] : ['NotStarted']
    assert.ok(allowed.includes(status), `from ${before?.status} to ${status}`)
    this.#lastState = text
  }
}
