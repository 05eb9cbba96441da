import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { eventSignatureBlob, specBlob } from '../../../src/jobs/layout.ts'
import { endJob } from '../../../src/jobs/output/end-job.ts'
import { announceRefusal } from '../../../src/jobs/output/job-event.ts'
import { readJobView } from '../../../src/jobs/output/job-view.ts'
import { readJob, type StoredJob } from '../../../src/jobs/stored-job.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const toUrl = { onCompleted: { url: 'https://hooks.example/jobs' } }
const eventNames = (bench: JobBench) => bench.store.names().filter(name => name.startsWith('jobs/_events/'))
const viewOf = async (bench: JobBench) => readJobView(bench.store, (await readJob(bench.store, folder)) as StoredJob)

/** A bench whose receiver keeps what it accepts, as `[url, event]`. */
function listening(accepts: () => boolean = () => true) {
  const bench = new JobBench()
  const received: [string, Record<string, unknown>][] = []
  bench.receive = async (url, event) => {
    if (!accepts()) throw new Error('hooks.example answered with status 503')
    received.push([url, JSON.parse(event)])
  }
  return { bench, received }
}

describe('onCompleted', () => {
  it('sends one CloudEvent with the job in it, with the signature of its URL, which is then forgotten', async () => {
    const { bench, received } = listening()
    await bench.store.create(eventSignatureBlob(folder), '?sig=SECRET')
    await bench.runJob('1\n2\n3\n', toUrl)
    const [[url, event] = []] = received
    assert.equal(received.length, 1)
    assert.equal(url, 'https://hooks.example/jobs?sig=SECRET')
    const { data, ...attributes } = event as { data: Record<string, unknown> }
    assert.deepEqual(attributes, {
      specversion: '1.0',
      id: 'nightly-1-2026-01-01T00:00:00.000Z',
      source: '/api/v1/service/iris/jobs',
      type: 'ScoringFunctions.BatchJob.Completed',
      subject: 'nightly-1',
      time: bench.state.endedAt,
      datacontenttype: 'application/json',
    })
    assert.deepEqual([data.status, data.jobId, data.progress], ['Completed', 'nightly-1', bench.state.progress])
    assert.equal(bench.store.text(eventSignatureBlob(folder)), undefined)
    assert.deepEqual(eventNames(bench), [])
    assert.equal((await viewOf(bench)).event?.attempts, 1)
    for (let sweep = 0; sweep < 3; sweep++) await bench.steps.sweep()
    await bench.steps.finish(job)
    assert.equal(received.length, 1)
  })

  it('tells with the next sweep of a message that was refused', async () => {
    const { bench, received } = listening()
    const refused = { code: 'JOB_OUTPUT_EXISTS', message: 'the blob exists' }
    const own = { jobId: 'nightly-1', folder, service: 'iris', messageId: 'm-1', createdAt: '2026-01-01T00:00:00.000Z' }
    await bench.store.create(specBlob(folder), JSON.stringify({ ...own, refused, ...toUrl }))
    await announceRefusal(bench.store, { ...own, refused, ...toUrl })
    for (let sweep = 0; sweep < 3; sweep++) await bench.steps.sweep()
    const [[url, event] = []] = received
    assert.equal(received.length, 1)
    assert.deepEqual(
      [url, event?.type, event?.id],
      [toUrl.onCompleted.url, 'ScoringFunctions.BatchJob.Failed', 'nightly-1-2026-01-01T00:00:00.000Z'],
    )
    assert.deepEqual((event?.data as { error?: object } | undefined)?.error, refused)
    assert.deepEqual(eventNames(bench), [])
    assert.equal((await viewOf(bench)).event?.attempts, 1)
  })

  it('tells of failed and cancelled jobs too, and may go to a queue', async () => {
    const failed = new JobBench()
    await failed.runJob('"fails"\n', { onCompleted: { queue: 'job-events' }, errorThreshold: 0 })
    const event = JSON.parse(failed.queues.peek('job-events')[0]?.text ?? '{}')
    assert.deepEqual(
      [event.type, event.data.error.code],
      ['ScoringFunctions.BatchJob.Failed', 'ERROR_THRESHOLD_EXCEEDED'],
    )
  })

  it('fits into a queue whatever columns the output has', async () => {
    const include = Array.from({ length: 1000 }, (_, at) => `column ${at} ${'x'.repeat(100)}`)
    const bench = new JobBench()
    await bench.runJob('', { onCompleted: { queue: 'job-events' }, output: { include } })
    const [{ text = '' } = {}] = bench.queues.peek('job-events')
    assert.ok(Buffer.byteLength(text) < 65_536)
    assert.deepEqual(JSON.parse(text).data.output, { blob: 'output/predictions', format: 'jsonl' })
  })

  it('is sent once when several processes see the end of the job', async () => {
    const { bench, received } = listening()
    const spec = await bench.createJob('1\n', toUrl)
    await bench.steps.split(job)
    const { state } = bench
    const end = () => endJob(bench.tools, { spec, state }, { from: ['Running'], to: 'Failed' })
    const accept = bench.receive
    bench.receive = async (url, event) => {
      bench.receive = accept
      await end() // by another process, while the event is sent
      await accept(url, event)
    }
    await end()
    assert.equal(received.length, 1)
  })

  it('is repeated after pauses that double until it is accepted, and says so in the status', async () => {
    let isUp = false
    const { bench, received } = listening(() => isUp)
    await bench.runJob('1\n', toUrl)
    assert.deepEqual((await viewOf(bench)).event, { attempts: 1, lastError: 'hooks.example answered with status 503' })
    await bench.steps.sweep()
    assert.equal((await viewOf(bench)).event?.attempts, 1, 'within the pause')
    await bench.clock.advance(31_000)
    await bench.steps.sweep()
    assert.equal((await viewOf(bench)).event?.attempts, 2)
    isUp = true
    await bench.clock.advance(61_000)
    await bench.steps.sweep()
    assert.equal(received.length, 1)
    const { event } = await viewOf(bench)
    assert.deepEqual([event?.attempts, event?.lastError, typeof event?.deliveredAt], [3, undefined, 'string'])
    assert.deepEqual(bench.counted, ['iris failed', 'iris failed', 'iris delivered'])
  })

  it('is given up after ten attempts, which the log and the status say', async () => {
    const { bench } = listening(() => false)
    await bench.runJob('1\n', toUrl)
    for (let sweep = 0; sweep < 30; sweep++) {
      await bench.clock.advance(3_601_000)
      await bench.steps.sweep()
    }
    const { event } = await viewOf(bench)
    assert.deepEqual([event?.attempts, event?.isGivenUp], [10, true])
    assert.deepEqual(bench.counted, [...Array(9).fill('iris failed'), 'iris given_up'])
    assert.deepEqual(eventNames(bench), [])
    assert.match(
      bench.log.join('\n'),
      /its event is given up after 10 attempts: hooks\.example answered with status 503/,
    )
  })

  it('is sent at least once, at whatever storage call a process dies after the end of the job', async () => {
    for (let calls = 0; ; calls++) {
      const { bench, received } = listening()
      await bench.createJob('1\n', toUrl)
      await bench.steps.split(job)
      await bench.steps.chunk({ ...job, chunk: 0 }, 1)
      const hasDied = await bench.finishAndDie(calls)
      const steps = bench.restarted()
      for (let sweep = 0; sweep < 3; sweep++) {
        await bench.clock.advance(100_000)
        await steps.sweep()
      }
      const ids = new Set(received.map(([, { id }]) => id))
      assert.deepEqual([...ids], ['nightly-1-2026-01-01T00:00:00.000Z'], `died after ${calls} calls`)
      assert.deepEqual(eventNames(bench), [])
      if (!hasDied) break
    }
  })
})
