import assert from 'node:assert/strict'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import { type CpuShare, CpuShares, type CpuSlice } from '../../../src/scheduling/cpu-shares.ts'
import { requestState } from '../../../src/scheduling/dispatch.ts'
import type { InferenceRequest } from '../../../src/scheduling/inference-request.ts'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { WorkerEvent } from '../../../src/workers/pool/worker-thread.ts'
import { FakeWorker } from './fake-worker.ts'
import { makeScheduler } from './scheduler-fixture.ts'

const limits = { maxThreads: 2, timeoutMs: 2000, maxQueued: 5, maxQueuedBytes: 40 }
/** How often the scheduler looks after deadlines that are its own. */
const watchMs = 50
/** However many online requests there are, one of a job goes first after this. */
const holdBackMs = 1000
const watched = [requestState.waiting, requestState.running] as number[]

/** A request as its caller knows it. */
interface Caller {
  readonly id: number
  readonly bytes: number
  readonly isBackground: boolean
  readonly arrivedAt: number
  /** Of a background request: from the moment a worker has it. */
  deadline: number
  readonly isPrecise: boolean
  hasLeft: boolean
  /** Workers that ended while they were running it, or that ran nothing while they had it. */
  ends: number
  /** The worker was running it when it ended: the next end has to tell whether it was the one. */
  isSuspect: boolean
  readonly answers: InferenceResult[]
}

/** A worker that reports its dispatches. */
class ModelWorker extends FakeWorker {
  isLoaded = false
  isBusy = false
  isPaused = false
  /** It was told to exit. */
  isEnding = false
  /** Ids whose callers learn of the result later in the same turn of the event loop. */
  readonly answered = new Set<number>()
  onDispatch: (ids: number[], resumed: number[]) => void = () => {}

  override dispatch(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    super.dispatch(requests, resumed)
    this.isBusy = true
    this.isPaused = false
    const ids = this.current.map(Number)
    this.onDispatch(ids.splice(resumed.length), ids)
  }

  override yield(): void {
    this.isPaused = true
    super.yield()
  }

  override answer(index: number): void {
    this.answered.add(Number(this.current[index]))
    super.answer(index)
  }

  /** What it has in hand, by index, and will answer. */
  get unfinished(): number[] {
    if (!this.isBusy || this.isEnded) return []
    return [...this.current.keys()].filter(index => watched.includes(this.states[index] as number))
  }

  override terminate(): Promise<void> {
    this.isEnding = true
    return super.terminate()
  }

  get isLive(): boolean {
    return this.isLoaded && !this.isEnding && !this.isEnded
  }
}

/** A scheduler, its workers and its callers, in virtual time, with what has to hold after every step. */
class World {
  readonly callers: Caller[] = []
  readonly workers: ModelWorker[] = []
  readonly scheduler
  readonly isBatchable: boolean
  readonly #passedOver: Caller[] = []
  /** Since when background requests are queued whose callers have not left, as of the last check; undefined: none is. */
  #backgroundSince: number | undefined
  #backgroundTakenAt = Number.NEGATIVE_INFINITY
  #calledAt = Number.NEGATIVE_INFINITY

  /** The processor that another service has; undefined: it has none. */
  #held: CpuSlice | undefined
  #isHolding = false
  readonly #other: CpuShare | undefined

  /** @param isContested  there is one processor, which another service takes now and then */
  constructor(isBatchable: boolean, isContested: boolean) {
    const startWorker = (onEvent: (event: WorkerEvent) => void) => {
      const worker = new ModelWorker(onEvent)
      worker.onDispatch = (ids, resumed) => this.checkDispatch(ids, resumed)
      this.workers.push(worker)
      return worker
    }
    const cpuShares = isContested ? new CpuShares(1, () => Date.now()) : undefined
    this.scheduler = makeScheduler({
      ...limits,
      loadTimeoutMs: 1e9,
      startWorker,
      ...(cpuShares && { cpuShares }),
    }).scheduler
    this.#other = cpuShares?.join({ isUrgent: () => this.#isHolding, onGranted: () => this.hold() })
    this.isBatchable = isBatchable
    void this.scheduler.start()
  }

  /** The other service wants the processor, and keeps it until it is released. */
  hold(): void {
    this.#isHolding = true
    this.#held ??= this.#other?.begin()
  }

  release(): void {
    this.#isHolding = false
    const held = this.#held
    this.#held = undefined
    held?.end(undefined, false)
  }

  /** Whether a caller has no answer yet, or a worker has a dispatch. */
  get isAtWork(): boolean {
    return (
      this.callers.some(({ answers }) => answers.length === 0) ||
      this.workers.some(worker => worker.isLive && worker.isBusy)
    )
  }

  /** Whether no dispatch holds a processor. */
  get isReleased(): boolean {
    if (!this.#other) return true
    this.release()
    this.hold()
    return this.#held !== undefined
  }

  get unfinished(): Set<number> {
    return new Set(this.workers.flatMap(worker => worker.unfinished.map(index => Number(worker.current[index]))))
  }

  get waiting(): Caller[] {
    const { unfinished } = this
    const isAnswered = (id: number) => this.workers.some(({ answered }) => answered.has(id))
    return this.callers.filter(({ id, answers }) => answers.length === 0 && !unfinished.has(id) && !isAnswered(id))
  }

  submit(bytes: number, timeoutMs: number | undefined): void {
    this.#calledAt = Date.now()
    const now = Date.now()
    const waiting = this.waiting.filter(({ isBackground }) => !isBackground)
    const waitingBytes = waiting.reduce((sum, caller) => sum + caller.bytes, 0)
    const deadline = now + Math.min(limits.timeoutMs, timeoutMs ?? Number.POSITIVE_INFINITY)
    const { caller, request } = this.#arrive(bytes, {
      isBackground: false,
      deadline,
      isPrecise: timeoutMs !== undefined,
    })
    const callDeadline = timeoutMs === undefined ? undefined : { timeoutMs, since: now }
    const hasRoom = waiting.length < limits.maxQueued
    const bytesFit = waiting.length === 0 || waitingBytes + caller.bytes <= limits.maxQueuedBytes
    const isRefused = this.scheduler.findRefusal(caller.bytes, timeoutMs) !== undefined
    if (!hasRoom || !bytesFit) assert.ok(isRefused, 'the queue is full')
    const isBusy = this.workers.some(worker => worker.isLive && worker.isBusy)
    if (waiting.length === 0 && !isBusy) assert.ok(!isRefused, 'nothing is to be waited for')
    void this.scheduler
      .submit(request, () => caller.hasLeft, callDeadline)
      .then(answer => {
        caller.answers.push(answer)
        this.checkAnswer(caller, answer)
        assert.equal(answer.kind === 'failure' && answer.code === 'QUEUE_FULL', isRefused)
      })
  }

  submitInBackground(bytes: number): void {
    const { caller, request } = this.#arrive(bytes, {
      isBackground: true,
      deadline: Number.POSITIVE_INFINITY,
      isPrecise: false,
    })
    void this.scheduler
      .submitInBackground(request, () => caller.hasLeft)
      .then(answer => {
        caller.answers.push(answer)
        this.checkAnswer(caller, answer)
        assert.ok(!(answer.kind === 'failure' && answer.code === 'QUEUE_FULL'), 'a job is never refused')
      })
  }

  #arrive(bytes: number, kind: Pick<Caller, 'isBackground' | 'deadline' | 'isPrecise'>) {
    const id = this.callers.length
    const text = String(id).padStart(bytes, '0')
    const caller: Caller = {
      id,
      bytes: text.length,
      arrivedAt: Date.now(),
      ...kind,
      hasLeft: false,
      ends: 0,
      isSuspect: false,
      answers: [],
    }
    this.callers.push(caller)
    return { caller, request: { codec: 'azureml', body: new TextEncoder().encode(text), contentType: undefined } }
  }

  /** Oldest first, and nothing that is late or abandoned; online first, unless a job has had nothing for long. */
  checkDispatch(ids: number[], resumed: number[]): void {
    for (const id of resumed) {
      const { answers, isSuspect } = this.callers[id] as Caller
      assert.equal(answers.length, 0, `${id} was resumed although it is answered`)
      assert.ok(!isSuspect || ids.length === 0, `${id} may crash the worker, and was resumed beside others`)
    }
    if (ids.length === 0) return
    const isJoining = resumed.length > 0
    const started = ids.map(id => this.callers[id] as Caller)
    const now = Date.now()
    const isBackground = started.some(caller => caller.isBackground)
    const heldBackMs = now - Math.max(this.#backgroundTakenAt, this.#backgroundSince ?? now)
    if (isBackground) {
      assert.equal(ids.length, 1, 'a request of a job is dispatched by itself')
      const first = Math.min(...this.callers.filter(caller => caller.isBackground).map(({ arrivedAt }) => arrivedAt))
      const isOverdue = now - Math.max(this.#backgroundTakenAt, first) >= holdBackMs
      const isBefore = ({ isBackground, hasLeft, deadline }: Caller) => !isBackground && !hasLeft && deadline > now
      if (!isOverdue) this.#passedOver.push(...this.waiting.filter(isBefore))
      this.#backgroundTakenAt = now
      this.#backgroundSince = undefined
    } else if (!isJoining) assert.ok(heldBackMs < holdBackMs, 'a job starves')
    for (const caller of started) {
      assert.ok(!caller.hasLeft, `${caller.id} was begun after its caller had left`)
      assert.ok(caller.deadline > Date.now(), `${caller.id} was begun after its deadline`)
      assert.equal(caller.answers.length, 0)
      if (isBackground) caller.deadline = now + limits.timeoutMs
      assert.ok(
        started.length === 1 || !caller.isSuspect,
        `${caller.id} shares a dispatch, and may crash the worker of all`,
      )
    }
    assert.deepEqual(
      ids,
      ids.toSorted((one, other) => one - other),
    )
    const last = ids.at(-1) as number
    this.#passedOver.push(
      ...this.waiting.filter(
        waiting =>
          waiting.isBackground === isBackground && waiting.id < last && !waiting.hasLeft && waiting.deadline > now,
      ),
    )
  }

  checkAnswer(caller: Caller, answer: InferenceResult): void {
    if (answer.kind === 'encoded') return assert.equal(Number(answer.body), caller.id, 'the answer of another one')
    const code = answer.kind === 'failure' ? answer.code : ''
    if (code === 'BODY_ABORTED') assert.ok(caller.hasLeft)
    else if (code === 'SCORING_TIMEOUT') assert.ok(Date.now() >= caller.deadline, 'given up before its time')
    else if (code === 'ENTRY_SCRIPT_ENDED_THREAD') assert.ok(caller.ends >= 2, 'failed for what another one did')
    else assert.equal(code, 'QUEUE_FULL')
  }

  /** Lets happen what needs no time, then looks whether all is as it should be. */
  async check(): Promise<void> {
    await this.calm()
    // Those that have their answer had it already, and their callers hear of it only now.
    for (const { id, answers } of this.#passedOver.splice(0)) assert.equal(answers.length, 1, `${id} was passed over`)
    const { waiting } = this
    const now = Date.now()
    const background = waiting.filter(({ isBackground }) => isBackground)
    for (const caller of background) caller.deadline = Number.POSITIVE_INFINITY
    if (background.every(({ hasLeft }) => hasLeft)) this.#backgroundSince = undefined
    else this.#backgroundSince ??= now
    // Jobs leave room for callers for a second after a call.
    const mayRest = background.length === waiting.length && now - this.#calledAt < 1000
    if (waiting.length > 0 && !this.#other && !mayRest) {
      const idle = this.workers.some(worker => worker.isLive && !worker.isBusy)
      assert.ok(!idle, 'a worker is idle while work waits')
      assert.ok(this.workers.some(worker => !worker.isEnded))
    }
    for (const { id, deadline, isPrecise, answers } of this.callers) {
      assert.ok(answers.length <= 1, `${id} was answered twice`)
      if (answers.length === 0)
        assert.ok(now < deadline + (isPrecise ? 1 : watchMs), `${id} is not answered when its time is up`)
    }
    assert.ok(this.workers.filter(worker => !worker.isEnded).length <= limits.maxThreads + 4)
  }

  async calm(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      vi.advanceTimersByTime(0)
      for (let turn = 0; turn < 6; turn++) await Promise.resolve()
    }
  }

  load(): void {
    for (const worker of this.workers) {
      if (worker.isLoaded || worker.isEnded) continue
      worker.isLoaded = true
      worker.load({ isBatchable: this.isBatchable })
    }
  }

  finish(worker: ModelWorker): void {
    for (const index of worker.unfinished) worker.answer(index)
    worker.isBusy = false
    worker.states.length = 0
    worker.done()
  }
}

type Command = fc.AsyncCommand<object, World>
const command = (name: string, act: (world: World) => void): Command => ({
  check: () => true,
  run: async (_, world) => {
    act(world)
    await world.check()
  },
  toString: () => name,
})
const onThread = (name: string, at: number, act: (worker: ModelWorker, world: World) => unknown): Command =>
  command(`${name} ${at}`, world => {
    const busy = world.workers.filter(worker => worker.isLive && worker.isBusy && (name === 'die' || !worker.isPaused))
    const worker = busy[at % Math.max(1, busy.length)]
    if (worker) act(worker, world)
  })

const begin = (worker: ModelWorker, count: number) => {
  worker.begin(...worker.unfinished.filter(index => !worker.isRunning(index)).slice(0, count))
}
const die = (worker: ModelWorker, world: World) => {
  const running = worker.unfinished.filter(index => worker.isPaused || worker.isRunning(index))
  for (const index of running.length > 0 ? running : worker.unfinished) {
    const caller = world.callers[Number(worker.current[index])] as Caller
    caller.ends++
    caller.isSuspect ||= running.length > 0
  }
  worker.die()
}
/** Callers come all the time, for longer than a job may be held back. */
const keepBusy: Command = {
  check: () => true,
  run: async (_, world) => {
    for (let round = 0; round < 14; round++) {
      world.submit(1, undefined)
      vi.advanceTimersByTime(100)
      for (const worker of world.workers) if (worker.isLive && worker.isBusy && !worker.isPaused) world.finish(worker)
      await world.check()
    }
  },
  toString: () => 'keep busy',
}
const which = fc.nat(3)
const bytes = fc.constantFrom(1, 3, 12, 45)
const timeouts = fc.option(fc.constantFrom(1, 30, 400, 5000), { nil: undefined, freq: 2 })
const submit = fc
  .tuple(bytes, timeouts)
  .map(([size, timeoutMs]) =>
    command(`submit ${size} bytes ${timeoutMs ?? ''}`, world => world.submit(size, timeoutMs)),
  )
const commands = [
  submit,
  submit,
  bytes.map(size => command(`submit ${size} bytes of a job`, world => world.submitInBackground(size))),
  fc.constant(keepBusy),
  fc.nat(30).map(id =>
    command(`leave ${id}`, ({ callers }) => {
      const caller = callers[id]
      if (caller) caller.hasLeft = true
    }),
  ),
  fc.constantFrom(1, 20, 100, 400, 1500).map(ms => command(`tick ${ms}`, () => vi.advanceTimersByTime(ms))),
  fc.constant(command('load', world => world.load())),
  fc.constant(command('hold the processor', world => world.hold())),
  fc.constant(command('release the processor', world => world.release())),
  fc
    .tuple(which, fc.integer({ min: 1, max: 3 }))
    .map(([at, count]) => onThread(`begin ${count} on`, at, worker => begin(worker, count))),
  which.map(at =>
    onThread('answer one on', at, worker => {
      const [first] = worker.unfinished
      if (first !== undefined) worker.answer(first)
    }),
  ),
  which.map(at => onThread('yield', at, worker => worker.unfinished.length > 0 && worker.yield())),
  which.map(at => onThread('finish', at, (worker, world) => world.finish(worker))),
  which.map(at => onThread('die', at, die)),
]

describe('ServiceScheduler, whatever its callers and workers do', () => {
  beforeAll(() =>
    vi.useFakeTimers({
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
  )
  afterAll(() => vi.useRealTimers())

  it('leaves no worker idle while requests are queued, respects order and limits, begins nothing uselessly, and answers each with its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.boolean(),
        fc.commands(commands, { maxCommands: 60, size: 'max' }),
        async (isBatchable, isContested, steps) => {
          const world = new World(isBatchable, isContested)
          world.load()
          await fc.asyncModelRun(() => ({ model: {}, real: world }), steps)
          world.release()
          for (let round = 0; round < 100 && world.isAtWork; round++) {
            world.load()
            for (const worker of world.workers)
              if (worker.isLive && worker.isBusy && !worker.isPaused) world.finish(worker)
            vi.advanceTimersByTime(isContested ? 10 : 0)
            await world.check()
          }
          for (const { id, answers } of world.callers) assert.equal(answers.length, 1, `${id} is not answered`)
          assert.ok(world.isReleased, 'a dispatch that is over holds a processor')
          await world.scheduler.stop()
        },
      ),
      { numRuns: 300 },
    )
  })
})
