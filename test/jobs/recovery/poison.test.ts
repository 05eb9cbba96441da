import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { JobMessage } from '../../../src/jobs/message-queues.ts'
import { changeState } from '../../../src/jobs/records.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')

/** Every message for the chunk fails; the host puts it to the poison queue. @returns how often */
async function poisonUntilDone(bench: JobBench, chunk: number): Promise<number> {
  let next: JobMessage | undefined = { ...job, chunk }
  let times = 0
  while (bench.take('chunk'));
  for (; next?.chunk === chunk; times++) {
    await bench.steps.poisoned('chunk', next)
    await bench.clock.advance(600_000)
    next = bench.take('chunk')
  }
  return times
}

describe('poisonedChunk, poisonedSplit and poisonedFinish', () => {
  it('isolates the chunk, and fails its rows at the third time without harm to others', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(3))
    await bench.steps.split(job)
    await bench.steps.poisoned('chunk', { ...job, chunk: 0 })
    await bench.clock.advance(60_000)
    const sent = [bench.take('chunk'), bench.take('chunk'), bench.take('chunk')]
    assert.deepEqual(sent.at(-1), { ...job, chunk: 0, poisoned: 1, isRevival: true, isRetry: true })
    assert.equal(await poisonUntilDone(bench, 0), 3)
    await bench.steps.chunk({ ...job, chunk: 1 }, 1)
    await bench.deliverAll()
    const codes = bench.output
      ?.trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { error?: { code: string } }).error?.code)
    assert.deepEqual(codes, ['CHUNK_POISONED', 'CHUNK_POISONED', undefined])
  })

  it('retries as long as each death narrows the search for the culprit', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(2))
    await bench.steps.split(job)
    for (const name of ['begun-0-2-1', 'begun-0-1-1']) {
      await bench.store.create({ container: 'jobs', path: `${folder}/careful/0000000/0000000/${name}` }, '')
    }
    assert.equal(await poisonUntilDone(bench, 0), 5)
  })

  it('fails a job whose results cannot be written, and logs why', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(2))
    await bench.steps.split(job)
    bench.store.hooks.before = ({ name }) => {
      if (name === 'stageBlock') throw new Error('status 403, AuthorizationPermissionMismatch')
    }
    assert.equal(await poisonUntilDone(bench, 0), 6)
    assert.equal(bench.state.error?.code, 'JOB_POISONED')
    assert.match(bench.log.join('\n'), /AuthorizationPermissionMismatch/)
    assert.doesNotMatch(bench.state.error?.message ?? '', /403/)
  })

  it('fails a job that cannot be split at the third time', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(2))
    await bench.steps.poisoned('split', job)
    await bench.clock.advance(600_000)
    const again = bench.take('split')
    assert.deepEqual(again, { ...job, poisoned: 1 })
    await bench.steps.poisoned('split', { ...again, poisoned: 2 })
    assert.equal(bench.state.error?.code, 'JOB_POISONED')
  })

  it('finishes a job whose messages of other steps came there while it was finished', async () => {
    for (const step of ['split', 'chunk'] as const) {
      const bench = new JobBench()
      await bench.createJob(rows(2))
      await bench.scoreAll()
      while (bench.take('finish'));
      await changeState(bench.store, folder, { from: ['Running'], to: 'Finalizing' })
      await bench.steps.poisoned(step, step === 'chunk' ? { ...job, chunk: 0 } : job)
      await bench.deliverAll()
      assert.equal(bench.state.status, 'Completed')
    }
  })

  it('retries a job whose output may exist without end', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(2))
    await bench.steps.split(job)
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    await changeState(bench.store, folder, { from: ['Running'], to: 'Finalizing' })
    while (bench.take('finish'));
    await bench.steps.poisoned('finish', { ...job, poisoned: 50 })
    await bench.clock.advance(600_000)
    assert.deepEqual(bench.messages('finish'), [{ ...job, poisoned: 51 }])
    await bench.deliverAll()
    assert.equal(bench.state.status, 'Completed')
  })
})
