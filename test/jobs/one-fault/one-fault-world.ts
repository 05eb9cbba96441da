import assert from 'node:assert/strict'
import { ScoringError } from '../../../src/errors.ts'
import { StorageError } from '../../../src/jobs/blob-store.ts'
import { jobQueues } from '../../../src/jobs/job-queues.ts'
import { activeBlob, jobFolder, parseBlobReference, stateBlob } from '../../../src/jobs/layout.ts'
import { hasEnded, type JobState } from '../../../src/jobs/state.ts'
import { MemoryBlobStore } from '../../support/memory-blob-store.ts'
import { MemoryQueues, type ReceivedMessage } from '../../support/memory-queues.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { App } from './app.ts'
import type { Scene } from './scenes.ts'

/**
 * - `fails before`    the call does nothing, and fails
 * - `fails after`     the connection breaks after the effect, for all tries of the client
 * - `is repeated`     the connection breaks after the effect, and the client tries again: a message is sent twice
 * - `dies …`          the process ends before or after the effect
 * - `comes twice`     the message that is deleted by this call is delivered again
 */
export const faultKinds = [
  'fails before',
  'fails after',
  'is repeated',
  'dies before',
  'dies after',
  'comes twice',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  /** Number of the call, from 0. */
  readonly at: number
  readonly kind: FaultKind
}

export const service = 'iris'
const jobId = 'nightly'
const folder = jobFolder(service, jobId)
const steps = ['submit', 'split', 'chunk', 'finish'] as const
/** After a fault a message comes again so much later. */
const hiddenSeconds = 30

interface Call<T> {
  readonly name: string
  readonly target: string
  readonly effect: () => Promise<T>
}

/** A storage, queues, a user, and an app that is replaced when it dies. There is no sweeper. One call meets a fault. */
export class OneFaultWorld {
  readonly clock = new VirtualClock()
  readonly store = new MemoryBlobStore({ now: () => this.clock.wallMs(), random: () => 0.99 })
  readonly queues = new MemoryQueues({ now: () => this.clock.wallMs() })
  readonly scene: Scene
  /** Each as `<method> <target>`. */
  readonly calls: string[] = []
  readonly #fault: Fault | undefined
  #app: App
  #scores = 0
  #cancelling: Promise<void> | undefined
  #hasLostResult = false

  constructor(scene: Scene, fault?: Fault) {
    this.scene = scene
    this.#fault = fault
    for (const [name, content] of Object.entries(scene.inputs)) this.store.put(parseBlobReference(name), content)
    this.#app = new App(this)
  }

  get state(): JobState | undefined {
    const text = this.store.text(stateBlob(folder))
    return text === undefined ? undefined : (JSON.parse(text) as JobState)
  }

  async call<T>(app: App, { name, target, effect }: Call<T>): Promise<T> {
    const never = new Promise<never>(() => {})
    if (app.isDead) return never
    const { at, kind } = this.#fault ?? {}
    const isHere = this.calls.push(`${name} ${target}`) - 1 === at
    const die = () => {
      app.isDead = true
      app.died.resolve()
      return never
    }
    const fail = () => {
      throw name === 'score'
        ? new ScoringError('SERVICE_UNAVAILABLE', 'not now')
        : new StorageError('the connection broke', 'ECONNRESET')
    }
    if (isHere && kind === 'dies before') return die()
    if (isHere && kind === 'fails before') return fail()
    let result = await effect()
    // A client that repeats these knows its own first try.
    const isKnown = name === 'create' || name === 'replace'
    if (isHere && kind === 'is repeated' && !isKnown) result = await effect()
    this.#loseResult()
    if (app.isDead) return never
    if (isHere && kind === 'dies after') return die()
    if (isHere && kind === 'fails after') return fail()
    return result
  }

  scored(): void {
    if (++this.#scores === this.scene.cancelsAt) this.#cancelling = this.#cancel()
  }

  /** @returns the blobs of the output */
  async run(): Promise<(string | undefined)[]> {
    const { scene } = this
    const submission = { jobId, ...scene.submission }
    if (scene.origin === 'http') await this.#ask(app => app.jobs.submit(service, submission))
    else this.queues.put(jobQueues.submit, JSON.stringify({ service, ...submission }))
    await this.#settle()
    const outputs = scene.outputs.map(name => this.store.text(parseBlobReference(name)))
    this.#requireEnd()
    if (scene.isDeleted) await this.#delete()
    return outputs
  }

  #requireEnd(): void {
    const { state, scene } = this
    assert.ok(state && hasEnded(state.status), `the job stands still: ${JSON.stringify(state)}`)
    assert.deepEqual([state.status, state.error?.code], [scene.status, scene.errorCode])
    assert.equal(this.store.text(activeBlob(folder)), undefined, 'the job has ended, and is still active')
    if (scene.submission.onCompleted)
      assert.ok(this.queues.peek('job-events').length > 0 || this.#isEventLeftToSweep(), 'nobody hears of the end')
  }

  /** Attempts to send an event are repeated after pauses, by the sweeper. */
  #isEventLeftToSweep(): boolean {
    const fault = this.calls[this.#fault?.at ?? -1]
    return fault?.startsWith('sendEvent ') === true || fault === `replace jobs/${folder}/event.json`
  }

  /** Repeats a request until it has an answer. */
  async #ask(request: (app: App) => Promise<unknown>): Promise<void> {
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 4, 'the request is never answered')
      const app = this.#living()
      try {
        if ((await app.does(() => request(app))) === 'done') return
      } catch (failure) {
        if (!(failure instanceof StorageError)) throw failure
      }
      await this.clock.advance(1000)
    }
  }

  async #cancel(): Promise<void> {
    await this.#ask(app => app.jobs.cancel(service, jobId))
  }

  async #delete(): Promise<void> {
    await this.#ask(app => app.jobs.delete(service, jobId))
    // An entry of a submission that broke off before its job existed is not that of the job.
    const left = this.store.names().filter(name => name.startsWith('jobs/') && !name.startsWith('jobs/_services/'))
    assert.deepEqual(left, [`jobs/_deleted/${folder}`, `jobs/${folder}/spec.json`, `jobs/${folder}/state.json`])
  }

  #living(): App {
    if (this.#app.isDead) this.#app = new App(this)
    return this.#app
  }

  /** Delivers messages until there are none. */
  async #settle(): Promise<void> {
    for (let rounds = 0; ; rounds++) {
      assert.ok(rounds < 1000, 'the messages never end')
      const app = this.#living()
      const [running] = app.background
      if (running) await app.does(() => running)
      else if (this.#cancelling) {
        await this.#cancelling
        this.#cancelling = undefined
      } else if (!(await this.#deliver(app)) && !(await this.#waitForMessage())) return
    }
  }

  async #waitForMessage(): Promise<boolean> {
    const times = steps.flatMap(step => this.queues.peek(jobQueues[step]).map(({ visibleAt }) => visibleAt))
    if (times.length === 0) return false
    await this.clock.advance(Math.max(0, Math.min(...times) - this.clock.wallMs()))
    return true
  }

  /** @returns whether there was a message */
  async #deliver(app: App): Promise<boolean> {
    for (const step of steps) {
      const queue = jobQueues[step]
      const message = this.queues.receive(queue, hiddenSeconds)
      if (!message) continue
      assert.ok(message.dequeueCount < 5, 'the message comes to the poison queue')
      try {
        await app.does(() => this.#handle(app, { step, queue, message }))
      } catch (failure) {
        if (failure instanceof assert.AssertionError) throw failure
        this.queues.update(queue, message, hiddenSeconds)
      }
      return true
    }
    return false
  }

  async #handle(
    app: App,
    { step, queue, message }: { step: (typeof steps)[number]; queue: string; message: ReceivedMessage },
  ): Promise<void> {
    const { text, dequeueCount } = message
    if (step === 'submit') await app.jobs.submitMessage(text, 'id-of-message')
    else if (step === 'chunk') await app.steps.chunk(text, dequeueCount)
    else await app.steps[step](text)
    const { at, kind } = this.#fault ?? {}
    const comesTwice = kind === 'comes twice' && this.calls.length === at
    const effect = async () => void this.queues.delete(queue, message)
    await this.call(app, { name: 'delete', target: queue, effect })
    if (comesTwice) this.queues.put(queue, text)
  }

  /** Another program removes a result once all are counted. */
  #loseResult(): void {
    if (!this.scene.losesResult || this.#hasLostResult) return
    const named = (prefix: string) => this.store.names().filter(name => name.startsWith(`jobs/${folder}/${prefix}/`))
    if (named('plan').length === 0 || named('done').length < 2) return
    this.#hasLostResult = true
    void this.store.remove(parseBlobReference(named('out')[1] as string))
  }
}
