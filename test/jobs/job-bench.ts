import { encodeFiles, type InputFile } from '../../src/jobs/input-files.ts'
import { JobCache } from '../../src/jobs/job-cache.ts'
import { type JobQueue, jobQueues } from '../../src/jobs/job-queues.ts'
import { KeptChunks } from '../../src/jobs/kept-chunks.ts'
import { activeBlob, fileListBlob, jobFolder, parseBlobReference, specBlob, stateBlob } from '../../src/jobs/layout.ts'
import { type JobLimits, jobLimits } from '../../src/jobs/limits.ts'
import type { JobMessage } from '../../src/jobs/message-queues.ts'
import { planParquet } from '../../src/jobs/plan/plan-parquet.ts'
import { firstState } from '../../src/jobs/records.ts'
import type { RowResult } from '../../src/jobs/row-scorer.ts'
import { PartsInProgress } from '../../src/jobs/score/parts-in-progress.ts'
import { nameRows } from '../../src/jobs/score/request-name.ts'
import { ScoringLock } from '../../src/jobs/score/scoring-lock.ts'
import { SharedMemory } from '../../src/jobs/score/shared-memory.ts'
import type { JobSpec } from '../../src/jobs/spec.ts'
import type { JobState } from '../../src/jobs/state.ts'
import { createJobSteps, type JobSteps, type StepTools } from '../../src/jobs/steps.ts'
import { MemoryBlobStore } from '../support/memory-blob-store.ts'
import { MemoryQueues } from '../support/memory-queues.ts'
import { timeLimit, VirtualClock } from '../support/virtual-clock.ts'

const jobId = 'nightly-1'
/** The job in messages. */
export const job = { service: 'iris', jobId }
export const folder = jobFolder(job.service, jobId)
export const outputReference = parseBlobReference('output/predictions')

type JobChange = Partial<Omit<JobSpec, 'input' | 'output'>> & {
  readonly format?: JobSpec['input']['format']
  readonly isGzip?: boolean
  readonly outputFormat?: JobSpec['output']['format']
  readonly output?: Partial<JobSpec['output']>
  /** Several inputs by name, in place of the one. With `output.isPerFile` that of `a` is `output/a`. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly dialect?: JobSpec['input']['dialect']
}

/** One instance of the app over storage in memory, with one job. A row is its own prediction, or a word for an effect. */
export class JobBench {
  readonly clock = new VirtualClock()
  readonly store = new MemoryBlobStore({ now: () => this.clock.wallMs() })
  readonly queues = new MemoryQueues({ now: () => this.clock.wallMs() })
  readonly log: string[] = []
  /** Rows of each call, as JSON. */
  readonly scored: string[][] = []
  /** Name of the last request, as a worker records it. */
  running: string | undefined
  digest = 'digest'
  /** The answer of the service; throws as the service would. */
  answer: (json: string) => RowResult | Promise<RowResult> = json =>
    json === '"fails"' ? { code: 'MODEL_RUN_FAILED', message: 'no' } : { prediction: `[${json}]` }
  /** Attempts to send events, as `<service> <outcome>`. */
  readonly counted: string[] = []
  /** The receiver of events. */
  receive: (url: string, event: string) => Promise<void> = async () => {}
  readonly tools: StepTools
  readonly steps: JobSteps

  constructor(change: Partial<JobLimits> = {}) {
    // Each step is left to a message, unless a test sets other times.
    const limits = { ...jobLimits, window: 2, chunksPerPart: 2, turnMs: 0, runOnMs: 0, aheadBytes: 0, ...change }
    const score: StepTools['scorer']['score'] = async (_, rows, { signal, budgetMs, isOneByOne, origin }) => {
      const isTimeUp = timeLimit(this.clock, budgetMs)
      this.running = origin && nameRows(origin, 0, rows.length)
      this.scored.push(rows.map(row => ('json' in row ? row.json : row.code)))
      const results: (RowResult | undefined)[] = []
      for (const [index, row] of rows.entries()) {
        if (index > 0 && isTimeUp()) return [...results, ...rows.slice(index).map(() => undefined)]
        if (isOneByOne) this.running = origin && nameRows(origin, index, index + 1)
        results.push('json' in row ? await this.answer(row.json) : row)
        signal.throwIfAborted()
      }
      return results
    }
    this.tools = {
      store: this.store,
      queues: this.queues,
      scorer: {
        modelDigest: async () => this.digest,
        inputs: async () => undefined,
        traits: async () => ({ optionalInputs: [], outputs: undefined, predictionRatio: 1 }),
        scoreText: async () => undefined,
        rowSettings: async () => ({}),
        score,
      },
      events: { post: (url, event) => this.receive(url, event) },
      countEvent: (service, outcome) => this.counted.push(`${service} ${outcome}`),
      planParquet,
      clock: this.clock,
      limits,
      lock: new ScoringLock(),
      parts: new PartsInProgress(),
      memory: new SharedMemory(),
      cache: new JobCache(),
      texts: new KeptChunks(this.clock, 2 ** 20),
      results: new KeptChunks(this.clock, limits.aheadBytes),
      stopping: new AbortController().signal,
      background: new Set(),
      log: line => this.log.push(line),
    }
    this.steps = createJobSteps(this.tools)
  }

  /** Another instance over the same storage. */
  restarted(): JobSteps {
    return createJobSteps({
      ...this.tools,
      lock: new ScoringLock(),
      parts: new PartsInProgress(),
      memory: new SharedMemory(),
      cache: new JobCache(),
      texts: new KeptChunks(this.clock, 2 ** 20),
      results: new KeptChunks(this.clock, this.tools.limits.aheadBytes),
    })
  }

  /** Creates the job as JobStore does, without its message. */
  async createJob(input: string | Uint8Array, change: JobChange = {}): Promise<JobSpec> {
    const { format = 'jsonl', isGzip = false, outputFormat = 'jsonl', output, files, dialect, ...rest } = change
    const reference = parseBlobReference('input/rows')
    this.store.put(reference, input)
    const head = await this.store.head(reference)
    if (!head) throw new Error('no input')
    const spec: JobSpec = {
      ...job,
      folder,
      fingerprint: 'f00d',
      modelDigest: 'digest',
      input: {
        ...{ place: { blob: 'input/rows' }, etag: head.etag, bytes: head.bytes, format, isGzip },
        ...(dialect && { dialect }),
        ...(files && (await this.#pinFiles(files, output?.isPerFile === true))),
      },
      output: { blob: 'output/predictions', format: outputFormat, ...output },
      miniBatchSize: 2,
      errorThreshold: -1,
      maxRetries: 3,
      createdAt: '2026-01-01T00:00:00.000Z',
      ...rest,
    }
    await this.store.create(activeBlob(folder), '')
    await this.store.create(specBlob(folder), JSON.stringify(spec))
    await this.store.create(stateBlob(folder), JSON.stringify(firstState(spec)))
    return spec
  }

  async #pinFiles(contents: NonNullable<JobChange['files']>, isPerFile: boolean) {
    const files: InputFile[] = []
    for (const [name, content] of Object.entries(contents)) {
      const blob = `input/${name}`
      this.store.put(parseBlobReference(blob), content)
      const head = await this.store.head(parseBlobReference(blob))
      if (!head) throw new Error('no input')
      files.push({ blob, etag: head.etag, bytes: head.bytes, ...(isPerFile && { output: `output/${name}` }) })
    }
    const list = fileListBlob(folder, 'f00d')
    await this.store.create(list, encodeFiles(files))
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const place = { files: `${list.container}/${list.path}`, name: 'input/*' }
    return { place, bytes, fileCount: files.length }
  }

  get state(): JobState {
    return JSON.parse(this.store.text(stateBlob(folder)) ?? '{}') as JobState
  }

  get output(): string | undefined {
    return this.store.text(outputReference)
  }

  messages(queue: JobQueue): JobMessage[] {
    return this.queues.peek(jobQueues[queue]).map(({ text }) => JSON.parse(text) as JobMessage)
  }

  /** Receives and deletes the next message. */
  take(queue: JobQueue): JobMessage | undefined {
    const message = this.queues.receive(jobQueues[queue], 600)
    if (!message) return undefined
    this.queues.delete(jobQueues[queue], message)
    return JSON.parse(message.text) as JobMessage
  }

  /** Delivers each message once, until none is left. */
  async deliverAll(steps = this.steps): Promise<void> {
    for (;;) {
      const [split, chunk, finish] = [this.take('split'), this.take('chunk'), this.take('finish')]
      if (split) await steps.split(split)
      if (chunk) await steps.chunk(chunk, 1)
      if (finish) await steps.finish(finish)
      if (split || chunk || finish) continue
      if (this.messages('split').length + this.messages('chunk').length + this.messages('finish').length === 0) return
      await this.clock.advance(1000)
    }
  }

  /**
   * Finishes the job in a process that dies so many storage calls after the job is `Completed`.
   *
   * @returns whether it came to that; the storage works again then
   */
  async finishAndDie(calls: number): Promise<boolean> {
    const { hooks } = this.store
    let left = Number.POSITIVE_INFINITY
    hooks.before = () => {
      if (left-- <= 0) throw new Error('the process died')
    }
    hooks.after = ({ name, target }) => {
      if (name === 'replace' && target.endsWith('/state.json') && this.state.status === 'Completed') left = calls
    }
    const hasDied = await this.steps.finish(job).then(
      () => false,
      () => true,
    )
    hooks.before = () => {}
    return hasDied
  }

  /** Scores all rows; the message `finish` is on its way then. */
  async scoreAll(): Promise<void> {
    await this.queues.send('split', job)
    while (this.messages('finish').length === 0) {
      const [split, chunk] = [this.take('split'), this.take('chunk')]
      if (split) await this.steps.split(split)
      if (chunk) await this.steps.chunk(chunk, 1)
      if (!split && !chunk) await this.clock.advance(1000)
    }
  }

  async runJob(input: string | Uint8Array, change?: JobChange): Promise<void> {
    await this.createJob(input, change)
    await this.queues.send('split', job)
    await this.deliverAll()
  }
}
