import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { type ErrorCode, ScoringError } from '../../../src/errors.ts'
import { ScoringService } from '../../../src/inference/scoring-service.ts'
import {
  activeBlob,
  eventBlob,
  jobFolder,
  parseBlobReference,
  signatureBlob,
  specBlob,
  stateBlob,
} from '../../../src/jobs/layout.ts'
import type { JobView } from '../../../src/jobs/output/job-view.ts'
import { changeState, readSpec } from '../../../src/jobs/records.ts'
import { JobService } from '../../../src/jobs/requests/job-service.ts'
import { RunOn } from '../../../src/jobs/run-on.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import type { LoadReport } from '../../../src/models/session/load-report.ts'
import { MemoryBlobStore } from '../../support/memory-blob-store.ts'
import { MemoryQueues } from '../../support/memory-queues.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const definition = ServiceDefinition.parse({})
const watching = ServiceDefinition.parse({ jobs: { watch: 'inbox/*.csv', output: 'results/{name}.csv' } })
const watchingDays = ServiceDefinition.parse({ jobs: { watch: 'inbox/2*.csv' } })
const startedAt = Date.UTC(2026, 10, 21, 7)
/** Folder of a job of `diabetes`. */
const folderOf = (jobId: string) => jobFolder('diabetes', jobId)
const csv = { input: { blob: 'input/patients.csv' } }

/** A JobService over memory, with services `diabetes`, `iris`, `web`, which takes raw requests, `watcher` and `daily`, which watch the container `inbox`. */
function openJobService({
  maxActiveJobs = 100,
  containers = ['input', 'output'],
  modelDigest = async (service: string) => `digest of ${service}`,
} = {}) {
  let now = startedAt
  let ids = 0
  const store = new MemoryBlobStore({ now: () => now, random: () => 0 })
  // Each submission comes a millisecond after the one before.
  store.now = async () => now++
  const queues = new MemoryQueues()
  const lines: string[] = []
  const services = new Map(
    ['diabetes', 'iris', 'web', 'watcher', 'daily'].map(name => {
      const report = { scriptKind: name === 'web' ? 'rawHttp' : 'typed' } as LoadReport
      const engine = { kind: 'scheduler' as const, scheduler: { report } as never }
      return [
        name,
        new ScoringService({
          name,
          definition: name === 'watcher' ? watching : name === 'daily' ? watchingDays : definition,
          authorizer: undefined,
          engine,
        }),
      ]
    }),
  )
  const clock = new VirtualClock()
  const runner = new RunOn({
    queues,
    clock,
    limits: { runOnMs: 0, safetyNetMs: 30_000, slotWaitMs: 10_000 },
    stopping: new AbortController().signal,
    background: new Set(),
    log: line => lines.push(line),
    perform: async () => [],
  })
  const jobs = new JobService({
    store,
    queues,
    runner,
    clock,
    find: name => {
      const service = services.get(name)
      if (!service) throw new ScoringError('SERVICE_UNKNOWN', 'There is no such service.')
      return service
    },
    scorer: { modelDigest, textSpeed: () => undefined },
    containers,
    inputHosts: ['data.example'],
    eventQueues: ['job-events'],
    eventHosts: ['hooks.example'],
    maxInputBytes: 1000,
    maxUploadBytes: 100,
    maxActiveJobs,
    newId: () => `id-${++ids}`,
    log: line => lines.push(line),
  })
  const sent = (queue: string) => {
    const messages: unknown[] = []
    for (let next = queues.receive(queue, 3600); next; next = queues.receive(queue, 3600))
      messages.push(JSON.parse(next.text))
    return messages
  }
  const put = (blob: string, content: string) => store.create(parseBlobReference(blob), content)
  const pass = (ms: number) => {
    now += ms
  }
  return { jobs, store, clock, queues, sent, put, lines, pass }
}

const refused = async (promise: Promise<unknown>, code: ErrorCode, message: RegExp) =>
  assert.rejects(promise, failure => {
    assert.ok(failure instanceof ScoringError, String(failure))
    assert.equal(failure.code, code, failure.message)
    assert.match(failure.message, message)
    return true
  })

describe('JobService.submit', () => {
  it('pins the input and the model, and enqueues the job', async () => {
    const { jobs, store, sent, put } = openJobService()
    await put('input/patients.csv', 'age,sex\n1,2\n')
    const view = await jobs.submit('diabetes', { jobId: 'nightly-1', ...csv, output: { blob: 'output/p.csv' } })
    assert.deepEqual(view, {
      jobId: 'nightly-1',
      service: 'diabetes',
      status: 'NotStarted',
      progress: { rows: 0, succeeded: 0, failed: 0, chunks: 0, chunksDone: 0, percent: 0 },
      createdAt: '2026-11-21T07:00:00.000Z',
      output: { blob: 'output/p.csv', format: 'csv' },
    })
    const { fingerprint, ...spec } = (await readSpec(store, folderOf('nightly-1')))!
    // As version 0.1.0 wrote it for this submission: a repeated one is still the same job.
    assert.equal(fingerprint, '60a3a84259fc8eed58596a9eac52aa04a0423667197a8f262ea7a4319d39a9fb')
    assert.deepEqual(spec, {
      jobId: 'nightly-1',
      folder: 'diabetes/nightly-1',
      service: 'diabetes',
      modelDigest: 'digest of diabetes',
      input: {
        place: { blob: 'input/patients.csv' },
        etag: (await store.head(parseBlobReference('input/patients.csv')))?.etag,
        bytes: 12,
        format: 'csv',
        isGzip: false,
      },
      output: { blob: 'output/p.csv', format: 'csv' },
      chunkBytes: 262_144,
      errorThreshold: -1,
      maxRetries: 3,
      createdAt: '2026-11-21T07:00:00.000Z',
    })
    assert.ok(await store.head(activeBlob(folderOf('nightly-1'))))
    assert.deepEqual(sent('scoring-job-split'), [{ service: 'diabetes', jobId: 'nightly-1' }])
  })

  it('reads nothing of a new job that it has written itself', async () => {
    const { jobs, store, put } = openJobService()
    await put('input/patients.csv', 'age,sex\n1,2\n')
    const written = new Set<string>()
    const readBack: string[] = []
    store.hooks.before = ({ name, target }) => {
      if (name === 'create' && !written.has(target)) written.add(target)
      else if (written.has(target)) readBack.push(`${name} ${target}`)
    }
    await jobs.submit('diabetes', { jobId: 'nightly-1', ...csv })
    assert.ok(written.size > 0)
    assert.deepEqual(readBack, [])
  })

  it('stores inline rows in a blob, with all digits of integers beyond 2^53', async () => {
    const { jobs, store } = openJobService()
    const { jobId } = await jobs.submit('diabetes', { input: { rows: [[1.5, 9007199254740993n], { a: 'é' }, null] } })
    const { place } = (await readSpec(store, folderOf(jobId)))!.input
    assert.ok('blob' in place)
    const { content } = (await store.readWhole(parseBlobReference(place.blob)))!
    assert.equal(Buffer.from(content).toString(), '[1.5, 9007199254740993]\n{"a": "\\u00e9"}\nnull\n')
  })

  it('returns the same job for the same id and content in any spelling, also when its output exists', async () => {
    const { jobs, put } = openJobService()
    await put('input/patients.csv', 'a\n1\n')
    const submission = { jobId: 'one', ...csv, output: { blob: 'output/p.jsonl' } }
    const first = await jobs.submit('diabetes', submission)
    await put('output/p.jsonl', '{}')
    const again = { maxRetries: 3, output: { format: 'jsonl', blob: 'output/p.jsonl' }, service: 'diabetes', ...csv }
    assert.deepEqual(await jobs.submit('diabetes', { ...again, jobId: 'one' }), first)
    await refused(jobs.submit('diabetes', { ...again, jobId: 'one', maxRetries: 1 }), 'JOB_ID_TAKEN', /"one"/)
  })

  it('scopes ids to their service, so that two services can use the same id', async () => {
    const { jobs, store, sent } = openJobService()
    const mine = await jobs.submit('diabetes', { jobId: 'weekly', input: { rows: [[1]] } })
    await refused(jobs.status('iris', 'weekly'), 'JOB_UNKNOWN', /./)
    await refused(jobs.cancel('iris', 'weekly'), 'JOB_UNKNOWN', /./)
    const theirs = await jobs.submit('iris', { jobId: 'weekly', input: { rows: [[2], [3]] } })
    assert.equal(mine.output?.blob, 'jobs/diabetes/weekly/predictions.jsonl')
    assert.equal(theirs.output?.blob, 'jobs/iris/weekly/predictions.jsonl')
    assert.deepEqual(sent('scoring-job-split'), [
      { service: 'diabetes', jobId: 'weekly' },
      { service: 'iris', jobId: 'weekly' },
    ])
    await jobs.cancel('diabetes', 'weekly')
    assert.deepEqual(sent('scoring-job-finish'), [{ service: 'diabetes', jobId: 'weekly' }])
    assert.equal((await jobs.status('iris', 'weekly')).status, 'NotStarted')
    const folders = store.names().filter(name => name.endsWith('/spec.json'))
    assert.deepEqual(folders, ['jobs/diabetes/weekly/spec.json', 'jobs/iris/weekly/spec.json'])
    assert.deepEqual(
      (await jobs.list('iris', { limit: 10 })).jobs.map(({ jobId }) => jobId),
      ['weekly'],
    )
  })

  it('finds jobs of version 0.1.0 for their own service only', async () => {
    const { jobs, store, sent } = openJobService()
    await jobs.submit('diabetes', { jobId: 'old', input: { rows: [[1]] } })
    for (const name of ['spec.json', 'state.json']) {
      const { content } = (await store.readWhole({ container: 'jobs', path: `diabetes/old/${name}` }))!
      await store.create({ container: 'jobs', path: `old/${name}` }, content)
      await store.remove({ container: 'jobs', path: `diabetes/old/${name}` })
    }
    assert.equal((await jobs.status('diabetes', 'old')).status, 'NotStarted')
    assert.deepEqual(
      (await jobs.list('diabetes', { limit: 10 })).jobs.map(({ jobId }) => jobId),
      ['old'],
    )
    await refused(jobs.status('iris', 'old'), 'JOB_UNKNOWN', /./)
    await refused(jobs.submit('diabetes', { jobId: 'old', input: { rows: [[2]] } }), 'JOB_ID_TAKEN', /./)
    await jobs.submit('iris', { jobId: 'old', input: { rows: [[2]] } })
    await jobs.cancel('diabetes', 'old')
    assert.deepEqual(sent('scoring-job-finish'), [{ jobId: 'old' }])
  })

  it('refuses the same id for an input that has changed since, whatever the status of the job', async () => {
    const { jobs, store, put } = openJobService()
    const submission = { jobId: 'nightly', ...csv }
    await put('input/patients.csv', 'a\n1\n')
    const first = await jobs.submit('diabetes', submission)
    assert.deepEqual(await jobs.submit('diabetes', submission), first)
    store.put(parseBlobReference('input/patients.csv'), 'a\n2\n')
    const changed =
      /^jobId: the job "nightly" of 2026-11-21T07:00:00.000Z .* input\/patients.csv, which has changed since; choose/
    await refused(jobs.submit('diabetes', submission), 'JOB_INPUT_CHANGED', changed)
    for (const to of ['Running', 'Finalizing', 'Completed'] as const) {
      await changeState(store, folderOf('nightly'), { from: ['NotStarted', 'Running', 'Finalizing'], to })
      await refused(jobs.submit('diabetes', submission), 'JOB_INPUT_CHANGED', changed)
    }
    assert.equal((await jobs.status('diabetes', 'nightly')).status, 'Completed')
    await store.remove(parseBlobReference('input/patients.csv'))
    assert.equal((await jobs.submit('diabetes', submission)).status, 'Completed', 'there is nothing else to be scored')
  })

  it('derives the id from the Idempotency-Key and the service', async () => {
    const { jobs, put } = openJobService()
    await put('input/patients.csv', 'a\n1\n')
    const { jobId } = await jobs.submit('diabetes', csv, { idempotencyKey: 'tonight' })
    assert.equal((await jobs.submit('diabetes', csv, { idempotencyKey: 'tonight' })).jobId, jobId)
    assert.notEqual((await jobs.submit('iris', csv, { idempotencyKey: 'tonight' })).jobId, jobId)
    assert.equal((await jobs.submit('iris', { jobId: 'x', ...csv }, { idempotencyKey: 'x' })).jobId, 'x')
    await refused(
      jobs.submit('diabetes', { jobId: 'a', ...csv }, { idempotencyKey: 'b' }),
      'JOB_INVALID',
      /Idempotency-Key/,
    )
    await refused(jobs.submit('diabetes', csv, { idempotencyKey: '' }), 'JOB_INVALID', /Idempotency-Key/)
  })

  it('resumes a submission that was interrupted at any storage call', async () => {
    const submission = { jobId: 'one', input: { rows: [[1], [2]] } }
    const { jobs: calm, store: unbroken } = openJobService()
    await calm.submit('diabetes', submission)
    const calls = [...unbroken.hooks.counts.values()].reduce((sum, count) => sum + count, 0)
    for (let broken = 0; broken < calls; broken++) {
      for (const when of ['before', 'after'] as const) {
        const { jobs, store, sent } = openJobService()
        store.hooks[when] = ({ number }) => {
          if (number === broken) throw new Error('the process died')
        }
        await jobs.submit('diabetes', submission).catch(() => {})
        const view = await jobs.submit('diabetes', submission)
        assert.equal(view.status, 'NotStarted')
        assert.ok(await store.head(activeBlob(folderOf('one'))))
        assert.deepEqual(await jobs.list('diabetes', { limit: 10 }), { jobs: [view] })
        assert.deepEqual(sent('scoring-job-split').at(-1), { service: 'diabetes', jobId: 'one' })
      }
    }
  })

  it('says what is wrong with a submission, what came and what would work', async () => {
    const { jobs, put } = openJobService()
    await put('input/patients.csv', 'a\n1\n')
    const cases: [unknown, ErrorCode, RegExp][] = [
      [undefined, 'JOB_INVALID', /^the submission: expected object/],
      [{}, 'JOB_INVALID', /^input: expected object/],
      [{ ...csv, rows: 1 }, 'JOB_INVALID', /^the submission: unrecognized "rows"/],
      [{ ...csv, jobId: '../x' }, 'JOB_INVALID', /^jobId: must be 1 to 128 letters.*, came "\.\.\/x"/],
      [{ ...csv, miniBatchSize: 0 }, 'JOB_INVALID', /^miniBatchSize: .*>=1, came 0/],
      [{ ...csv, errorThreshold: '1' }, 'JOB_INVALID', /^errorThreshold: expected number, received string/],
      [{ ...csv, service: 'iris' }, 'JOB_INVALID', /^service: is "iris", the path names "diabetes"/],
      [{ input: { blob: 'patients.csv' } }, 'JOB_INVALID', /^input\.blob: must be "<container>\/<path>"/],
      [{ input: { blob: 'input/../x.csv' } }, 'JOB_INVALID', /^input\.blob: must be/],
      [{ input: { blob: 'input/patients' } }, 'JOB_INVALID', /^input\.format: /],
      [{ input: { ...csv.input, rows: [] } }, 'JOB_INVALID', /^input: must have exactly one of/],
      [{ input: { rows: [], format: 'csv' } }, 'JOB_INVALID', /^input\.format: /],
      [{ input: { blob: 'input/none.csv' } }, 'JOB_INPUT_MISSING', /no blob "input\/none\.csv"/],
      [{ input: { blob: 'secrets/x.csv' } }, 'JOB_INPUT_NOT_ALLOWED', /"secrets".*"input", "output" \(SCORING_JOB_CON/],
      [{ input: { blob: 'jobs/other/predictions.jsonl' } }, 'JOB_INPUT_NOT_ALLOWED', /copy the blob/],
      [{ ...csv, output: { blob: 'secrets/x.csv' } }, 'JOB_OUTPUT_NOT_ALLOWED', /"secrets"/],
      [
        { ...csv, jobId: 'a', output: { blob: 'jobs/diabetes/b/predictions.csv' } },
        'JOB_OUTPUT_NOT_ALLOWED',
        /"jobs\/diabetes\/a\/pred/,
      ],
      [
        { ...csv, jobId: 'a', output: { blob: 'jobs/diabetes/a/spec.json' } },
        'JOB_OUTPUT_NOT_ALLOWED',
        /"jobs\/diabetes\/a\/pred/,
      ],
      [{ ...csv, output: csv.input }, 'JOB_INVALID', /^output\.blob: "input\/patients\.csv" is the input of the job/],
      [
        { ...csv, output: { include: 'some' } },
        'JOB_INVALID',
        /^output\.include: must be a list of 1 to 1000 names, each once, or "all"/,
      ],
      [{ ...csv, output: { include: ['id', 'id'] } }, 'JOB_INVALID', /^output\.include: must not name a column twice/],
      [
        { ...csv, output: { include: ['id', 'index'], format: 'csv' } },
        'JOB_INVALID',
        /^output\.include: the output has a column "index" of its own; .* "jsonl"$/,
      ],
    ]
    for (const [submission, code, message] of cases) await refused(jobs.submit('diabetes', submission), code, message)
    await refused(
      jobs.submit('web', csv),
      'JOB_INVALID',
      /^service: "web" has an entry script that takes raw HTTP requests/,
    )
    await refused(jobs.submit('nobody', csv), 'SERVICE_UNKNOWN', /no such service/)
  })

  it('refuses the containers of the host, whatever the settings', async () => {
    const containers = ['azure-webjobs-secrets', 'jobs']
    const { jobs } = openJobService({ containers })
    for (const container of containers)
      await refused(jobs.submit('diabetes', { input: { blob: `${container}/a.csv` } }), 'JOB_INPUT_NOT_ALLOWED', /./)
  })

  it('refuses an output that the service would make a job of', async () => {
    const { jobs } = openJobService()
    const submit = (blob: string) => jobs.submit('watcher', { input: { rows: [[1]] }, output: { blob } })
    await refused(
      submit('inbox/again.csv'),
      'JOB_INVALID',
      /"inbox\/again\.csv" is watched \("inbox\/\*\.csv" in service\.json\)/,
    )
    assert.equal((await submit('inbox/done/again.csv')).status, 'NotStarted')
    assert.equal((await submit('results/again.csv')).status, 'NotStarted')
  })

  it('refuses an output whose date makes it an input of the job, or one that is watched', async () => {
    const { jobs, put } = openJobService()
    const today = new Date(startedAt).toISOString().slice(0, 10)
    await put(`input/${today}.csv`, 'a\n1\n')
    const submit = (service: string, blob: string, output: string) =>
      jobs.submit(service, { input: { blob }, output: { blob: output, overwrite: true } })
    await refused(submit('iris', `input/${today}.csv`, 'input/{date}.csv'), 'JOB_INVALID', /is the input of the job/)
    await refused(submit('iris', 'input/2*.csv', 'input/{date}.csv'), 'JOB_INVALID', /is among the inputs of the job/)
    await refused(submit('daily', 'input/2*.csv', 'inbox/{date}.csv'), 'JOB_INVALID', /is watched/)
    await refused(submit('daily', 'input/2*.csv', 'inbox/{name}.csv'), 'JOB_INVALID', /is watched/)
    assert.equal((await submit('daily', 'input/2*.csv', 'output/{date}.csv')).status, 'NotStarted')
  })

  it('refuses an output that exists', async () => {
    const { jobs, put } = openJobService()
    await put('input/patients.csv', 'a\n1\n')
    await put('output/p.jsonl', 'precious')
    const submission = { ...csv, output: { blob: 'output/p.jsonl' } }
    await refused(jobs.submit('diabetes', submission), 'JOB_OUTPUT_EXISTS', /"output\/p\.jsonl"/)
  })

  it('accepts an empty file where the format allows it, and refuses one above maxInputBytes', async () => {
    const { jobs, put } = openJobService()
    for (const name of ['empty.csv', 'empty.jsonl', 'empty.json', 'empty.csv.gz', 'empty.parquet'])
      await put(`input/${name}`, '')
    await put('input/large.csv', 'x'.repeat(1001))
    for (const name of ['empty.csv', 'empty.jsonl']) await jobs.submit('diabetes', { input: { blob: `input/${name}` } })
    await jobs.submit('diabetes', { input: { rows: [] } })
    for (const name of ['empty.json', 'empty.csv.gz', 'empty.parquet'])
      await refused(jobs.submit('diabetes', { input: { blob: `input/${name}` } }), 'JOB_INPUT_EMPTY', /no bytes/)
    await refused(jobs.submit('diabetes', { input: { blob: 'input/large.csv' } }), 'JOB_INPUT_TOO_LARGE', /1001.*1000/)
  })

  it('stores the signature of a URL apart, and accepts a renewed one for the same job', async () => {
    const { jobs, store } = openJobService()
    const submission = (signature: string) => ({
      jobId: 'far',
      input: { url: `https://data.example/c/rows.csv${signature}` },
    })
    const head = store.head.bind(store)
    store.head = async place => ('url' in place ? head({ container: 'far', path: 'rows.csv' }) : head(place))
    await store.create({ container: 'far', path: 'rows.csv' }, 'a\n1\n')
    await jobs.submit('diabetes', submission('?sig=SECRET'))
    const text = Buffer.from((await store.readWhole(specBlob(folderOf('far'))))!.content).toString()
    assert.doesNotMatch(text, /SECRET/)
    assert.equal(
      Buffer.from((await store.readWhole(signatureBlob(folderOf('far'))))!.content).toString(),
      '?sig=SECRET',
    )
    await jobs.submit('diabetes', submission('?sig=RENEWED'))
    const elsewhere = { input: { url: 'https://evil.example/rows.csv?sig=SECRET' } }
    await refused(jobs.submit('diabetes', elsewhere), 'JOB_INPUT_NOT_ALLOWED', /^((?!SECRET).)*$/)
  })

  it('refuses jobs of a service beyond maxActiveJobs', async () => {
    const { jobs, store } = openJobService({ maxActiveJobs: 2 })
    const submission = { input: { rows: [[1]] } }
    const { jobId } = await jobs.submit('diabetes', submission)
    await jobs.submit('diabetes', submission)
    await refused(jobs.submit('diabetes', submission), 'TOO_MANY_JOBS', /^2 jobs/)
    await jobs.submit('iris', submission)
    await store.remove(activeBlob(folderOf(jobId)))
    await jobs.submit('diabetes', submission)
  })
})

describe('JobService.submitMessage', () => {
  const submission = { jobId: 'by-queue', service: 'diabetes', input: { rows: [[1], [2]] } }
  const json = JSON.stringify(submission)
  it.each<[string, unknown]>([
    ['JSON', json],
    ['base64 of JSON', Buffer.from(json).toString('base64')],
    ['JSON that the host has parsed', submission],
  ])('accepts %s', async (_, text) => {
    const { jobs, sent } = openJobService()
    await jobs.submitMessage(text, 'm-1')
    await jobs.submitMessage(text, 'm-1') // delivered twice
    assert.equal((await jobs.status('diabetes', 'by-queue')).status, 'NotStarted')
    assert.deepEqual(sent('scoring-job-split'), [
      { service: 'diabetes', jobId: 'by-queue' },
      { service: 'diabetes', jobId: 'by-queue' },
    ])
  })

  it('records the event of a refused message once, also if the process died before it, and where it may go', async () => {
    const { jobs, store } = openJobService()
    const refusedWith = (jobId: string, onCompleted: object, messageId = jobId) =>
      jobs.submitMessage(JSON.stringify({ ...submission, jobId, maxRetries: -1, onCompleted }), messageId)
    const entries = () => store.names().filter(name => name.startsWith('jobs/_events/'))
    await refusedWith('told', { queue: 'job-events' })
    const { event, target } = JSON.parse(store.text(eventBlob(jobFolder('diabetes', 'told'))) ?? '{}')
    const { type, subject, source, data } = JSON.parse(event)
    assert.deepEqual(
      [target, type, subject, source, data.status, data.error.code],
      [
        { queue: 'job-events' },
        'ScoringFunctions.BatchJob.Failed',
        'told',
        '/api/v1/service/diabetes/jobs',
        'Failed',
        'JOB_INVALID',
      ],
    )
    assert.deepEqual(entries(), ['jobs/_events/diabetes/told'])
    assert.deepEqual((await jobs.status('diabetes', 'told')).event, { attempts: 0 })

    await store.remove(eventBlob(jobFolder('diabetes', 'told')))
    await store.remove({ container: 'jobs', path: '_events/diabetes/told' })
    await refusedWith('told', { queue: 'job-events' })
    assert.deepEqual(entries(), ['jobs/_events/diabetes/told'])

    await refusedWith('other', { queue: 'payments' })
    await refusedWith('signed', { url: 'https://hooks.example/jobs?sig=SECRET' })
    assert.deepEqual(entries(), ['jobs/_events/diabetes/told'])
    assert.ok(store.names().every(name => !store.text(parseBlobReference(name))?.includes('SECRET')))
  })

  it('creates one job for a message without id that is delivered twice', async () => {
    const { jobs } = openJobService()
    const text = JSON.stringify({ service: 'diabetes', input: { rows: [] } })
    for (let n = 0; n < 2; n++) await jobs.submitMessage(text, 'm-7')
    assert.deepEqual(
      (await jobs.list('diabetes', { limit: 10 })).jobs.map(({ jobId }) => jobId),
      ['message-m-7'],
    )
  })

  it('accepts a byte submission mark, and line ends of any kind in base64', async () => {
    const { jobs } = openJobService()
    const lines = (
      Buffer.from(json)
        .toString('base64')
        .match(/.{1,76}/g) as string[]
    ).join('\r\n')
    for (const [index, text] of [`\uFEFF${json}`, lines, Buffer.from(`\uFEFF${json}`).toString('base64')].entries()) {
      await jobs.submitMessage(text, `m-${index}`)
    }
    assert.deepEqual(
      (await jobs.list('diabetes', { limit: 10 })).jobs.map(({ status }) => status),
      ['NotStarted'],
    )
  })

  it('postpones a message while there are too many active jobs, and creates one job for it', async () => {
    const { jobs, store, queues, pass } = openJobService({ maxActiveJobs: 1 })
    await jobs.submit('diabetes', { jobId: 'long', input: { rows: [] } })
    const text = '{"service": "diabetes", "input": {"rows": [[9007199254740993, 1.50]]}}'
    await jobs.submitMessage(Buffer.from(text).toString('base64'), 'm-1')
    const next = () => {
      const [message, ...others] = queues.peek('scoring-jobs')
      assert.deepEqual(others, [])
      queues.lose('scoring-jobs', message!.id)
      return message!
    }
    let waiting = next()
    for (let times = 0; times < 20; times++) {
      assert.ok(waiting.visibleAt >= 15_000 && waiting.visibleAt <= 300_000)
      await jobs.submitMessage(waiting.text, `m-${times + 2}`, times % 2 === 1)
      waiting = next()
    }
    assert.equal((await jobs.list('diabetes', { limit: 10 })).jobs.length, 1)
    await store.remove(activeBlob(folderOf('long')))
    pass(1000)
    for (const id of ['m-30', 'm-31']) await jobs.submitMessage(waiting.text, id) // delivered twice
    assert.deepEqual(queues.peek('scoring-jobs'), [])
    const { status } = await jobs.status('diabetes', 'message-m-1')
    assert.equal(status, 'NotStarted')
    const { place } = (await readSpec(store, folderOf('message-m-1')))!.input
    assert.ok('blob' in place)
    assert.equal(store.text(parseBlobReference(place.blob)), '[9007199254740993, 1.5]\n')
  })

  it('lets messages have a quarter of the active jobs, so that callers find room', async () => {
    const { jobs, queues } = openJobService({ maxActiveJobs: 8 })
    for (let message = 0; message < 4; message++)
      await jobs.submitMessage('{"service": "diabetes", "input": {"rows": [[1]]}}', `m-${message}`)
    assert.equal((await jobs.list('diabetes', { limit: 10 })).jobs.length, 2)
    assert.equal(queues.peek('scoring-jobs').length, 2)
    await jobs.submitMessage('{"service": "iris", "input": {"rows": [[1]]}}', 'm-iris')
    assert.equal((await jobs.status('iris', 'message-m-iris')).status, 'NotStarted')
    for (let caller = 0; caller < 6; caller++) await jobs.submit('diabetes', { input: { rows: [[1]] } })
    await refused(jobs.submit('diabetes', { input: { rows: [[1]] } }), 'TOO_MANY_JOBS', /^8 jobs .* the limit is 8/)
  })

  it('fails a message that has waited for a week', async () => {
    const { jobs, queues } = openJobService({ maxActiveJobs: 0 })
    await jobs.submitMessage(json, 'm-1')
    const [message] = queues.peek('scoring-jobs')
    const { waiting, submission } = JSON.parse(message!.text)
    waiting.since -= 7 * 24 * 3_600_000
    await jobs.submitMessage(JSON.stringify({ waiting, submission }), 'm-2')
    assert.equal((await jobs.status('diabetes', 'by-queue')).error?.code, 'TOO_MANY_JOBS')
  })

  it('reports a changed input as a failed job of the second message, but not for a redelivered one', async () => {
    const { jobs, store, put } = openJobService()
    await put('input/patients.csv', 'a\n1\n')
    const text = JSON.stringify({ jobId: 'nightly', service: 'diabetes', ...csv })
    await jobs.submitMessage(text, 'm-1')
    store.put(parseBlobReference('input/patients.csv'), 'a\n2\n')
    await jobs.submitMessage(text, 'm-1')
    assert.equal((await jobs.list('diabetes', { limit: 10 })).jobs.length, 1)
    await jobs.submitMessage(text, 'm-2')
    const { status, error } = await jobs.status('diabetes', 'message-m-2')
    assert.deepEqual([status, error?.code], ['Failed', 'JOB_INPUT_CHANGED'])
    assert.equal((await jobs.status('diabetes', 'nightly')).status, 'NotStarted')
  })

  it('stores an invalid message as a failed job that says why', async () => {
    const { jobs, lines, sent } = openJobService()
    const failureOf = async (service: string, jobId: string) => {
      const { status, error } = await jobs.status(service, jobId)
      assert.equal(status, 'Failed')
      return `${error?.code}: ${error?.message}`
    }
    const cases: [unknown, RegExp][] = [
      ['hello', /^JOB_INVALID: The message is neither JSON \(unexpected character at line 1, column 1\) nor base64/],
      [Buffer.from('hello!').toString('base64'), /^JOB_INVALID: The message is base64 of text that is not JSON/],
      [Buffer.from([0xff, 0xfe, 0xfd]).toString('base64'), /neither JSON/],
      ['['.repeat(65_000), /nested too deeply/],
      [7, /^JOB_INVALID: the submission: expected object/],
      [null, /^JOB_INVALID/],
      [{ input: { rows: [] } }, /^JOB_INVALID: service: is missing/],
      [{ service: 'nobody', input: { rows: [] } }, /^SERVICE_UNKNOWN/],
      [{ service: 'diabetes', input: { rows: [] }, jobId: '../x' }, /^JOB_INVALID: jobId/],
      [{ service: 'diabetes', input: { blob: 'input/none.csv' } }, /^JOB_INPUT_MISSING/],
      [{ service: 'diabetes', input: { url: 'https://data.example/a.csv?sig=SECRET' } }, /^JOB_INVALID: input\.url/],
    ]
    for (const [index, [text, expected]] of cases.entries()) {
      await jobs.submitMessage(text, `m-${index}`)
      await jobs.submitMessage(text, `m-${index}`)
      assert.match(await failureOf('diabetes', `message-m-${index}`), expected)
    }
    assert.equal(lines.length, cases.length)
    assert.doesNotMatch(lines.join(), /SECRET/)
    assert.deepEqual(sent('scoring-job-split'), [])
  })

  it('stores it under the requested id, unless that is taken', async () => {
    const { jobs } = openJobService()
    await jobs.submitMessage({ ...submission, maxRetries: -1 }, 'm-1')
    assert.equal((await jobs.status('diabetes', 'by-queue')).status, 'Failed')
    await refused(jobs.submit('diabetes', submission), 'JOB_ID_TAKEN', /./)
    await jobs.submitMessage(json, 'm-2')
    assert.equal((await jobs.status('diabetes', 'message-m-2')).error?.code, 'JOB_ID_TAKEN')
    assert.equal((await jobs.list('diabetes', { limit: 10 })).jobs.length, 2)
    await refused(jobs.cancel('diabetes', 'by-queue'), 'JOB_NOT_CANCELLABLE', /Failed/)
  })

  it('throws temporary failures, so that the queue retries, except at the last try', async () => {
    const unavailable = new ScoringError('SERVICE_UNAVAILABLE', 'The files of the service cannot be read.')
    const { jobs } = openJobService({ modelDigest: () => Promise.reject(unavailable) })
    await refused(jobs.submitMessage(json, 'm-1'), 'SERVICE_UNAVAILABLE', /./)
    await jobs.submitMessage(json, 'm-1', true)
    assert.equal((await jobs.status('diabetes', 'by-queue')).error?.code, 'SERVICE_UNAVAILABLE')
  })
})

describe('JobService.submit, names of outputs', () => {
  const outputOf = async (submission: object, file?: { name?: string }) => {
    const { jobs, put, store } = openJobService()
    await put('input/may/patients.v2.csv', 'age\n1\n')
    const staged = file && {
      ...(await jobs.stageFile([Buffer.from('age\n1\n')])),
      ...file,
      usualFormat: 'csv' as const,
    }
    await jobs.submit('diabetes', { jobId: 'one', ...submission }, { file: staged })
    return (await readSpec(store, folderOf('one')))?.output
  }
  const input = { blob: 'input/may/patients.v2.csv' }

  it.each([
    ['output/{service}/{date}/{jobId}.csv', 'output/diabetes/2026-11-21/one.csv'],
    ['output/{name}-{name}.jsonl', 'output/patients.v2-patients.v2.jsonl'],
  ])('fills in %s', async (blob, expected) => {
    assert.equal((await outputOf({ input, output: { blob } }))?.blob, expected)
  })

  it('takes the name of a file that was sent, without its folders', async () => {
    const output = { blob: 'output/{name}.csv' }
    assert.equal((await outputOf({ output }, { name: 'C:\\a b\\x.csv.gz' }))?.blob, 'output/x.csv')
    await refused(
      outputOf({ output: { blob: 'output/{name}' } }, { name: '...csv' }),
      'JOB_INVALID',
      /no name of a blob/,
    )
  })

  it.each([
    [
      { input, output: { blob: 'output/{day}.csv' } },
      /\{day\} stands for nothing: there are \{jobId\}, \{service\}, \{date\}, \{name\}/,
    ],
    [
      { input: { rows: [] }, output: { blob: 'output/{name}.csv' } },
      /\{name\} stands for nothing: the input has no name/,
    ],
    [{ input, output: { blob: '{jobId}/x.csv' } }, /a container is 3 to 63/],
    [{ input, output: { blob: 'output/{date.csv' } }, /"output\/\{date\.csv" has a brace without its other half/],
    [{ input, output: { blob: 'output/{date}}.csv' } }, /has a brace without its other half/],
    [{ input, output: { action: 'summary_only', format: 'csv' } }, /output\.format: there is no output/],
    [{ input, output: { action: 'none' } }, /output\.action: .*"append_row"\|"summary_only"/],
  ] as const)('refuses %j', async (submission, message) => {
    await refused(outputOf(submission), 'JOB_INVALID', message)
  })

  it('recognises the submission on another day', async () => {
    const { jobs, put } = openJobService()
    await put('input/patients.csv', 'age\n1\n')
    const submission = { ...csv, jobId: 'one', output: { blob: 'output/{date}.csv' } }
    const { createdAt, output } = await jobs.submit('diabetes', submission)
    assert.deepEqual(await jobs.submit('diabetes', submission).then(job => [job.createdAt, job.output]), [
      createdAt,
      output,
    ])
  })

  it('accepts a blob that is there for overwriting, and none for a summary', async () => {
    const { jobs, put } = openJobService()
    await put('input/patients.csv', 'age\n1\n')
    await put('output/p.csv', 'yesterday')
    const { output } = await jobs.submit('diabetes', { ...csv, output: { blob: 'output/p.csv', overwrite: true } })
    assert.deepEqual(output, { blob: 'output/p.csv', format: 'csv' })
    const summary = await jobs.submit('diabetes', { ...csv, jobId: 'sum', output: { action: 'summary_only' } })
    assert.equal(summary.output, undefined)
    await refused(
      jobs.submit('diabetes', { ...csv, output: { blob: 'output/p.csv' } }),
      'JOB_OUTPUT_EXISTS',
      /"overwrite": true/,
    )
  })
})

describe('JobService.submit, with several files', () => {
  const contents: Record<string, string> = {
    'input/11/b.csv': 'x\n1\n',
    'input/11/a.csv': 'x\n2\n3\n',
    'input/11/x/a.csv': '',
    'input/11/_SUCCESS': '',
    'input/12/c.csv.gz': 'gz',
    'input/12/d.csv': 'x\n',
    'input/13/e.jsonl': '1\n',
  }
  const open = async () => {
    const service = openJobService()
    for (const [blob, content] of Object.entries(contents)) await service.put(blob, content)
    const submit = (input: object, output: object = {}) =>
      service.jobs.submit('diabetes', { jobId: 'one', input, output })
    const readFiles = async () => {
      const { place, bytes, fileCount } = (await readSpec(service.store, folderOf('one')))!.input
      const { files } = JSON.parse(service.store.text(parseBlobReference((place as { files: string }).files))!)
      return { bytes, fileCount, files: files as { blob: string; output?: string }[] }
    }
    return { ...service, submit, readFiles }
  }

  it('pins those that match, in order of their names', async () => {
    const { submit, readFiles, store } = await open()
    await submit({ blob: 'input/11/**/*.csv' })
    const { files, ...counts } = await readFiles()
    assert.deepEqual(counts, { bytes: 10, fileCount: 3 })
    const names = ['input/11/a.csv', 'input/11/b.csv', 'input/11/x/a.csv']
    const pinned = await Promise.all(
      names.map(async blob => {
        const { etag, bytes } = (await store.head(parseBlobReference(blob)))!
        return { blob, etag, bytes }
      }),
    )
    assert.deepEqual(files, pinned)
  })

  it('gives each file an output of its own if that is named by it', async () => {
    const { submit, readFiles } = await open()
    const view = await submit({ blob: 'input/11/', format: 'csv' }, { blob: 'output/{date}/{name}.jsonl' })
    assert.deepEqual(view.output, { blob: 'output/2026-11-21/{name}.jsonl', format: 'jsonl' })
    assert.deepEqual(
      (await readFiles()).files.map(({ output }) => output),
      ['a', 'b', 'x/a'].map(name => `output/2026-11-21/${name}.jsonl`),
    )
  })

  it('keeps the order of a list, and names its outputs below the folder that all are in', async () => {
    const { submit, readFiles } = await open()
    await submit({ blobs: ['input/11/x/a.csv', 'input/11/b.csv'] }, { blob: 'output/{name}.csv' })
    assert.deepEqual(
      (await readFiles()).files.map(({ blob, output }) => [blob, output]),
      [
        ['input/11/x/a.csv', 'output/x/a.csv'],
        ['input/11/b.csv', 'output/b.csv'],
      ],
    )
  })

  it.each([
    [{ blob: 'input/11/*.parquet' }, {}, 'JOB_INPUT_MISSING', /no blob matches "input\/11\/\*\.parquet"/],
    [{ blobs: ['input/11/a.csv', 'input/none.csv'] }, {}, 'JOB_INPUT_MISSING', /"input\/none\.csv"/],
    [{ blob: 'input/11/' }, {}, 'JOB_INVALID', /input\.format: is missing/],
    [
      { blob: 'input/12/*', format: 'csv' },
      {},
      'JOB_INVALID',
      /c\.csv\.gz" is gzipped, and "input\/12\/d\.csv" is not/,
    ],
    [{ blob: 'input/*/[a-z].*', format: 'csv' }, {}, 'JOB_INPUT_MISSING', /no blob matches/],
    [{ blob: 'input/**', format: 'csv' }, {}, 'JOB_INVALID', /"input\/13\/e\.jsonl" is jsonl, and the job reads csv/],
    [{ blob: 'input/11/*.csv' }, { blob: 'input/11/out.csv' }, 'JOB_INVALID', /is among the inputs/],
    // Outputs that only their own names show to be inputs, of this job or of the next one.
    [
      { blob: 'input/11/a*.csv' },
      { blob: 'input/11/{name}.csv', overwrite: true },
      'JOB_INVALID',
      /"input\/11\/a\.csv" for "input\/11\/a\.csv" is among the inputs/,
    ],
    [
      { blobs: ['input/11/b.csv', 'input/11/a.csv'] },
      { blob: 'input/11/{name}.csv', overwrite: true },
      'JOB_INVALID',
      /"input\/11\/b\.csv" for "input\/11\/b\.csv" is among the inputs/,
    ],
    [
      { blob: 'input/11/', format: 'parquet', isGzip: true },
      {},
      'JOB_INVALID',
      /gzipped Parquet file cannot be read in ranges/,
    ],
    [{ blobs: ['input/11/a.csv', 'input/11/a.csv'] }, {}, 'JOB_INVALID', /must not name a blob twice/],
    [{ blob: 'in*/a.csv' }, {}, 'JOB_INVALID', /a container is 3 to 63/],
    [{ blob: 'jobs/**/*.csv' }, {}, 'JOB_INPUT_NOT_ALLOWED', /internal files of jobs/],
  ] as const)('refuses %j', async (input, output, code, message) => {
    const { submit } = await open()
    await refused(submit(input, output), code, message)
  })

  it('refuses two files with one output, and an output that is there', async () => {
    const { submit, put } = await open()
    await put('input/11/a.csv.gz', 'gz')
    const output = { blob: 'output/{name}.csv' }
    const both = { blobs: ['input/11/a.csv', 'input/11/a.csv.gz'], isGzip: false }
    await refused(
      submit(both, output),
      'JOB_INVALID',
      /a\.csv" and "input\/11\/a\.csv\.gz" would both be written to "output\/a\.csv"/,
    )
    await put('output/b.csv', 'yesterday')
    await refused(submit({ blob: 'input/11/*.csv' }, output), 'JOB_OUTPUT_EXISTS', /"output\/b\.csv"/)
    await submit({ blob: 'input/11/*.csv' }, { ...output, overwrite: true })
  })

  it('is the same job while the files are the same', async () => {
    const { submit, put } = await open()
    const submitAgain = () => submit({ blob: 'input/11/*.csv' })
    const { createdAt } = await submitAgain()
    assert.equal((await submitAgain()).createdAt, createdAt)
    await put('input/11/new.csv', 'x\n')
    await refused(submitAgain(), 'JOB_INPUT_CHANGED', /input\/11\/\*\.csv, which has changed/)
  })
})

describe('JobService.stageFile', () => {
  const piecesOf = (...texts: string[]) => texts.map(text => Buffer.from(text))
  const uploads = (store: MemoryBlobStore) => store.names().filter(name => name.includes('_uploads/'))

  it('makes one job of several submissions with the same id and content, and keeps one file', async () => {
    const { jobs, store } = openJobService()
    const files = await Promise.all(
      [['1,2\n3,4\n'], ['1,', '2\n3', ',4\n']].map(each => jobs.stageFile(piecesOf(...each))),
    )
    assert.deepEqual(uploads(store), []) // blocks that are not committed are no blobs
    const views = await Promise.all(
      files.map(file => jobs.submit('diabetes', { jobId: 'one' }, { file: { ...file, usualFormat: 'csv' } })),
    )
    assert.deepEqual(views[0], views[1])
    const spec = (await readSpec(store, folderOf('one')))!
    assert.deepEqual(uploads(store), [(spec.input.place as { blob: string }).blob])
    const file = parseBlobReference(uploads(store)[0] as string)
    assert.equal(store.text(file), '1,2\n3,4\n')
    // By which the sweeper finds the job, if there is one.
    assert.deepEqual((await store.head(file))?.metadata, { folder: 'diabetes/one' })
  })

  it('refuses another file under the same id, which then is not kept', async () => {
    const { jobs, store } = openJobService()
    const submit = async (text: string) => {
      const file = await jobs.stageFile(piecesOf(text))
      return jobs.submit('diabetes', { jobId: 'one' }, { file: { ...file, usualFormat: 'csv' } })
    }
    await submit('1,2\n')
    await refused(submit('1,3\n'), 'JOB_ID_TAKEN', /other content/)
    assert.equal(uploads(store).length, 1)
  })

  it('refuses a file that is too large without reading all of it', async () => {
    const { jobs } = openJobService()
    let count = 0
    const endless = (function* () {
      for (;;) {
        count++
        yield Buffer.alloc(30)
      }
    })()
    await refused(
      jobs.stageFile(endless),
      'JOB_INPUT_TOO_LARGE',
      /more than 100 bytes \(SCORING_JOB_MAX_UPLOAD_BYTES\)/,
    )
    assert.equal(count, 4)
    assert.throws(() => jobs.stageFile([], 101), /SCORING_JOB_MAX_UPLOAD_BYTES/)
  })
})

describe('JobService', () => {
  it('shows a job to its own service only', async () => {
    const { jobs } = openJobService()
    await jobs.submit('diabetes', { jobId: 'one', input: { rows: [] } })
    for (const jobId of ['one', 'none', '../one', 'a'.repeat(200), '_active'])
      await refused(jobs.status('iris', jobId), 'JOB_UNKNOWN', /./)
  })

  it('lists jobs newest first, page by page', async () => {
    const { jobs } = openJobService()
    for (const jobId of ['a', 'b', 'c', 'd', 'e']) await jobs.submit('diabetes', { jobId, input: { rows: [] } })
    await jobs.submit('iris', { jobId: 'z', input: { rows: [] } })
    const pages: string[][] = []
    let marker: string | undefined
    do {
      const page: { jobs: JobView[]; nextMarker?: string } = await jobs.list('diabetes', { limit: 2, marker })
      pages.push(page.jobs.map(({ jobId }) => jobId))
      marker = page.nextMarker
    } while (marker !== undefined)
    assert.deepEqual(pages, [['e', 'd'], ['c', 'b'], ['a']])
    await refused(jobs.list('diabetes', { limit: 2, marker: '../../x' }), 'JOB_LIST_MARKER_INVALID', /nextMarker/)
  })

  it('accepts repeated cancellations until the job has ended', async () => {
    const { jobs, store, sent } = openJobService()
    await jobs.submit('diabetes', { jobId: 'one', input: { rows: [] } })
    for (let n = 0; n < 2; n++) assert.equal((await jobs.cancel('diabetes', 'one')).status, 'CancelRequested')
    assert.deepEqual(sent('scoring-job-finish'), [
      { service: 'diabetes', jobId: 'one' },
      { service: 'diabetes', jobId: 'one' },
    ])
    await changeState(store, folderOf('one'), { from: ['CancelRequested'], to: 'Canceled' })
    const { status, output } = await jobs.cancel('diabetes', 'one')
    assert.deepEqual([status, output?.partial], ['Canceled', 'jobs/diabetes/one/out/'])
    assert.deepEqual(sent('scoring-job-finish'), [])
  })

  it('refuses to cancel a job that is being finalized', async () => {
    const { jobs, store } = openJobService()
    await jobs.submit('diabetes', { jobId: 'one', input: { rows: [] } })
    await changeState(store, folderOf('one'), { from: ['NotStarted'], to: 'Running' })
    await changeState(store, folderOf('one'), { from: ['Running'], to: 'Finalizing' })
    await refused(jobs.cancel('diabetes', 'one'), 'JOB_NOT_CANCELLABLE', /Finalizing/)
    await refused(jobs.cancel('iris', 'one'), 'JOB_UNKNOWN', /./)
  })

  it('deletes a job that has ended, cancels any other, and has nothing against a second call', async () => {
    const { jobs, store } = openJobService()
    await jobs.submit('diabetes', { jobId: 'one', input: { rows: [] } })
    assert.equal((await jobs.delete('diabetes', 'one'))?.status, 'CancelRequested')
    await changeState(store, folderOf('one'), { from: ['CancelRequested'], to: 'Canceled' })
    assert.equal(await jobs.delete('iris', 'one'), undefined)
    assert.equal((await jobs.status('diabetes', 'one')).status, 'Canceled', 'another service has no such job')
    for (const jobId of ['one', 'one', 'none', '../one']) assert.equal(await jobs.delete('diabetes', jobId), undefined)
    await refused(jobs.status('diabetes', 'one'), 'JOB_UNKNOWN', /./)
    assert.deepEqual((await jobs.list('diabetes', { limit: 10 })).jobs, [])
    await jobs.submit('diabetes', { jobId: 'two', input: { rows: [] } })
    await changeState(store, folderOf('two'), { from: ['NotStarted'], to: 'Running' })
    await changeState(store, folderOf('two'), { from: ['Running'], to: 'Finalizing' })
    await refused(jobs.delete('diabetes', 'two'), 'JOB_NOT_CANCELLABLE', /Finalizing/)
  })

  it('says that a job is gone while its blobs are still removed, and nothing once they are', async () => {
    const { jobs, store, clock } = openJobService()
    await jobs.submit('diabetes', { jobId: 'one', input: { rows: [] } })
    await changeState(store, folderOf('one'), { from: ['NotStarted'], to: 'Failed' })
    const { promise: told, resolve: goOn } = Promise.withResolvers<void>()
    store.hooks.before = ({ name, target }) => (name === 'remove' && target.includes('/rows-') ? told : undefined)
    for (let times = 0; times < 2; times++) {
      const answer = jobs.delete('diabetes', 'one')
      while (clock.timerCount === 0) await new Promise(setImmediate)
      await clock.advance(5000)
      const { isDeleted, jobId, service, status } = (await answer) ?? {}
      assert.deepEqual([isDeleted, jobId, service, status], [true, 'one', 'diabetes', 'Failed'])
      await refused(jobs.status('diabetes', 'one'), 'JOB_UNKNOWN', /./)
    }
    goOn()
    assert.equal(await jobs.delete('diabetes', 'one'), undefined)
  })

  it('does not create a deleted job again, neither by its id nor by a late duplicate of its message', async () => {
    const { jobs, store, sent } = openJobService()
    const submission = { service: 'diabetes', jobId: 'one', input: { rows: [[1]] } }
    await jobs.submitMessage(submission, 'message-1')
    await changeState(store, folderOf('one'), { from: ['NotStarted'], to: 'Failed' })
    await jobs.delete('diabetes', 'one')
    sent('scoring-job-split')
    const names = store.names()
    await jobs.submitMessage(submission, 'message-1')
    await jobs.submitMessage(submission, 'message-1', true)
    await refused(jobs.submit('diabetes', submission), 'JOB_ID_TAKEN', /"one" of 2026.* was deleted/)
    assert.deepEqual([store.names(), sent('scoring-job-split')], [names, []])
    await jobs.submitMessage(submission, 'message-2')
    assert.equal((await jobs.status('diabetes', 'message-message-2')).error?.code, 'JOB_ID_TAKEN')
  })

  it('finds a job whose submission died before its state was written', async () => {
    const { jobs, store } = openJobService()
    await jobs.submit('diabetes', { jobId: 'one', input: { rows: [] } })
    await store.remove(stateBlob(folderOf('one')))
    assert.equal((await jobs.status('diabetes', 'one')).status, 'NotStarted')
    assert.equal((await jobs.cancel('diabetes', 'one')).status, 'CancelRequested')
  })
})
