import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { folder, JobBench, job } from '../job-bench.ts'

const culprits = (...rows: number[]) => new Set(rows.map(String))

/** Delivers chunk 0 to one instance after the other, each of which dies on a culprit. @returns how many died */
async function deliverUntilDone(
  bench: JobBench,
  culpritRows: ReadonlySet<string>,
  { hasRecords = false, isRedelivered = false, isNewMessage = false } = {},
): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    assert.ok(deaths < 100)
    const death = new Promise<'died'>(resolve => {
      bench.answer = json => {
        if (!culpritRows.has(json)) return { prediction: json }
        resolve('died')
        return new Promise(() => {}) // a dead instance makes no progress
      }
    })
    const instance = bench.restarted()
    if (hasRecords && deaths > 0) await instance.reportDeaths([String(bench.running)])
    const done = instance.chunk({ ...job, chunk: 0 }, isNewMessage ? 1 : deaths + (isRedelivered ? 2 : 1))
    if ((await Promise.race([done, death])) !== 'died') return deaths
    if (!hasRecords) await bench.clock.advance(61_000)
  }
}

async function planChunk(count: number): Promise<JobBench> {
  const bench = new JobBench()
  await bench.createJob(Array.from({ length: count }, (_, row) => `${row}\n`).join(''), { miniBatchSize: count })
  await bench.steps.split(job)
  return bench
}

const expectedLines = (count: number, culpritRows: ReadonlySet<string>) =>
  Array.from({ length: count }, (_, row) =>
    culpritRows.has(String(row))
      ? `{"index": ${row}, "error": {"code": "ROW_ENDED_PROCESS", "message": "line ${row + 1}: The process that scored this row ended, 3 times."}}\n`
      : `{"index": ${row}, "prediction": ${row}}\n`,
  ).join('')

describe('scoreInIsolation', () => {
  it('divides by 16 down to the culprit, which alone fails', async () => {
    const bench = await planChunk(500)
    // Once shared; isolated with 500, 32 and 2 rows; and three times the row alone.
    assert.equal(await deliverUntilDone(bench, culprits(41)), 1 + 3 + 3)
    await bench.deliverAll()
    assert.equal(bench.output, expectedLines(500, culprits(41)))
    assert.equal(bench.state.progress?.failed, 1)
  })

  it('takes three ends of a process, and no waiting, where it is known what was in the model', async () => {
    for (const count of [1, 2, 500]) {
      const row = Math.floor(count / 3)
      const bench = await planChunk(count)
      const begun = await bench.store.now()
      assert.equal(await deliverUntilDone(bench, culprits(row), { hasRecords: true }), 3, `of ${count} rows`)
      assert.equal(await bench.store.now(), begun)
      await bench.deliverAll()
      assert.equal(bench.output, expectedLines(count, culprits(row)))
    }
  })

  it('takes no more where messages come first that do not know of the ends', async () => {
    const bench = await planChunk(9)
    assert.equal(await deliverUntilDone(bench, culprits(5), { hasRecords: true, isNewMessage: true }), 3)
    await bench.deliverAll()
    assert.equal(bench.output, expectedLines(9, culprits(5)))
  })

  it('takes two more for each further culprit that was in the model with the first', async () => {
    const bench = await planChunk(60)
    assert.equal(await deliverUntilDone(bench, culprits(7, 40, 41), { hasRecords: true }), 3 + 2 + 2)
    await bench.deliverAll()
    assert.equal(bench.output, expectedLines(60, culprits(7, 40, 41)))
  })

  it('believes three records of the same row, and ignores names of other requests', async () => {
    const bench = await planChunk(4)
    const steps = bench.restarted()
    const names = ['job:iris/nightly-1:0:0-4', 'job:iris/nightly-1:0:1-2', 'job:iris/nightly-1:0:1-2']
    await steps.reportDeaths([...names, 'job:iris/none:0:0-4', 'job:../x:0:0-4', 'my-42', 'job:iris/nightly-1:0:4-0'])
    await steps.chunk({ ...job, chunk: 0 }, 2)
    await bench.deliverAll()
    assert.match(bench.output ?? '', /"index": 1, "error": \{"code": "ROW_ENDED_PROCESS"/)
    assert.equal(bench.state.progress?.failed, 1)
  })

  it('takes no row for the culprit of several that were in the model together, however often', async () => {
    for (const deaths of [2, 3, 5]) {
      const bench = await planChunk(6)
      await bench.restarted().reportDeaths(Array.from({ length: deaths }, () => 'job:iris/nightly-1:0:0-6'))
      // Then their processes had ended for another reason, or of one of them, which is found as always.
      const rows = deaths === 3 ? culprits() : culprits(4)
      await deliverUntilDone(bench, rows, { hasRecords: true, isRedelivered: true })
      await bench.deliverAll()
      assert.equal(bench.output, expectedLines(6, rows), `after ${deaths}`)
    }
  })

  it('finds several culprits, also without other rows', async () => {
    for (const [count, rows] of [
      [9, culprits(0, 4, 8)],
      [2, culprits(0, 1)],
      [1, culprits(0)],
    ] as const) {
      const bench = await planChunk(count)
      await deliverUntilDone(bench, rows)
      await bench.deliverAll()
      assert.equal(bench.output, expectedLines(count, rows))
    }
  })

  it('finds no culprit in a chunk that was merely delivered together with one', async () => {
    const bench = new JobBench()
    await bench.createJob('0\n1\n', { miniBatchSize: 1 })
    await bench.steps.split(job)
    let deliveryCount = 1
    for (let isDead = true; isDead; deliveryCount++) {
      const death = new Promise<'died'>(resolve => {
        let isDying = false
        bench.answer = json => {
          if (json === '0') {
            isDying = true
            resolve('died')
          }
          // A row beside the culprit is not finished when the instance dies.
          return isDying ? new Promise(() => {}) : { prediction: json }
        }
      })
      const instance = bench.restarted()
      const done = Promise.all([0, 1].map(chunk => instance.chunk({ ...job, chunk }, deliveryCount)))
      isDead = (await Promise.race([done, death])) === 'died'
      await bench.clock.advance(61_000)
    }
    // The second chunk waited for the lock in each of the three instances that died on the first row alone.
    assert.equal(deliveryCount, 1 + 3 + 1 + 1)
    await bench.deliverAll()
    assert.equal(bench.output, expectedLines(2, culprits(0)))
  })

  it('does not score rows again that have stored results', async () => {
    const bench = await planChunk(64)
    await deliverUntilDone(bench, culprits(63))
    const first = bench.scored.filter(rows => rows.includes('0'))
    assert.deepEqual(
      first.map(rows => rows.length),
      [64, 64, 4],
    )
  })

  it('finds no culprit for failures that the process survives', async () => {
    const bench = await planChunk(1)
    bench.answer = () => {
      throw new Error('not now')
    }
    for (let attempt = 1; attempt < 10; attempt++) {
      await assert.rejects(bench.steps.chunk({ ...job, chunk: 0 }, attempt), /not now/)
    }
    bench.answer = json => ({ prediction: json })
    await bench.steps.chunk({ ...job, chunk: 0 }, 10)
    await bench.deliverAll()
    assert.equal(bench.output, expectedLines(1, culprits()))
  })

  it('continues after an attempt was withdrawn and a later one died', async () => {
    const bench = await planChunk(1)
    await bench.store.create({ container: 'jobs', path: `${folder}/careful/0000000/0000000/begun-0-1-2` }, '')
    await bench.clock.advance(61_000)
    await bench.steps.chunk({ ...job, chunk: 0 }, 2)
    await bench.deliverAll()
    assert.equal(bench.output, '{"index": 0, "prediction": [0]}\n')
  })

  it('waits for another process that may be scoring the same row', async () => {
    const bench = await planChunk(1)
    while (bench.take('chunk'));
    let answer = (_: { prediction: string }) => {}
    bench.answer = () => new Promise(resolve => (answer = resolve))
    const slow = bench.steps.chunk({ ...job, chunk: 0 }, 2)
    for (let copy = 0; copy < 5; copy++) await bench.restarted().chunk({ ...job, chunk: 0 }, 2)
    assert.equal(bench.scored.length, 1)
    assert.equal(bench.messages('chunk').length, 5)
    answer({ prediction: '0' })
    await slow
    await bench.deliverAll()
    assert.equal(bench.output, expectedLines(1, culprits()))
  })
})
