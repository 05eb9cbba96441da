import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { planParquetInProcess } from '../../src/adapters/child-process/plan-parquet-in-process.ts'
import { BlobChanged } from '../../src/jobs/blob-store.ts'
import { InputUnreadable } from '../../src/jobs/failure.ts'
import type { ReadInput } from '../../src/jobs/formats/text-source.ts'
import { planChunks } from '../../src/jobs/plan/plan-chunks.ts'
import { planStart } from '../../src/jobs/plan-parts.ts'
import { optionsFor, plan, readerOf, type Tried } from '../jobs/inputs.ts'

const fixture = (name: string) => readFileSync(new URL(`../fixtures/parquet/${name}.parquet`, import.meta.url))
const here: Tried = { format: 'parquet', miniBatchSize: 7, sizes: [1000, 3] }
const apart: Tried = { ...here, planParquet: planParquetInProcess() }

/** The first page of the file says that one definition level, 1, is repeated two thousand million times. */
function endless(): Buffer {
  const bytes = fixture('iris-none')
  // Length of the levels, a run of 50 (RLE/bit-packing hybrid of parquet-format, Encodings.md), and its value.
  const at = bytes.indexOf(Buffer.from('020000006401', 'hex')) + 4
  Buffer.from('feffffff0f01', 'hex').copy(bytes, at)
  return bytes
}

async function processesLeft(): Promise<number> {
  await sleep(1) // handles are given back a turn after the end
  return process.getActiveResourcesInfo().filter(kind => kind === 'ProcessWrap').length
}

describe('planParquetInProcess', () => {
  it('plans the same chunks as in this process', async () => {
    for (const name of [
      'types',
      'types-int96',
      'iris-none',
      'iris-gzip',
      'iris-brotli',
      'iris-lz4',
      'iris-zstd',
      'empty',
    ]) {
      assert.deepEqual(await plan(fixture(name), apart), await plan(fixture(name), here), name)
    }
  })

  it('continues after a chunk', async () => {
    const { chunks } = await plan(fixture('iris-none'), apart)
    assert.deepEqual((await plan(fixture('iris-none'), apart, chunks[2]?.next)).chunks, chunks.slice(3))
  })

  it('names the same faults', async () => {
    for (const bytes of [Buffer.from('a,b\n1,2\n'), fixture('iris-none').subarray(0, -100)]) {
      const { fault } = await plan(bytes, apart)
      assert.ok(fault instanceof InputUnreadable)
      assert.deepEqual([fault.code, fault.message], Object.values(await faultHere(bytes)))
    }
    const { chunks, fault } = await plan(fixture('iris-none'), { ...apart, maxInputBytes: 400 })
    assert.ok(chunks.length > 0)
    assert.equal(fault?.code, 'INPUT_TOO_LARGE')
  })

  it('throws what reading throws', async () => {
    const changed = new BlobChanged('another version')
    const read: ReadInput = async function* (range) {
      yield* readerOf(fixture('iris-none'))({ start: range?.start ?? 0, end: (range?.start ?? 0) + 1 })
      throw changed
    }
    await assert.rejects(planChunks(read, optionsFor(fixture('iris-none'), apart), planStart).next(), changed)
    assert.equal(await processesLeft(), 0)
  })

  it('ends a file that takes too long, while others go on', async () => {
    let [turns, turnsWhenRead] = [0, 0]
    const timer = setInterval(() => turns++, 10)
    const bytes = endless()
    const read: ReadInput = async function* (range) {
      yield* readerOf(bytes)(range)
      turnsWhenRead = turns
    }
    const planParquet = planParquetInProcess(undefined, { stepMs: 1500, maxMemoryMb: 16_384 })
    const chunks = planChunks(read, optionsFor(bytes, { ...here, planParquet }), planStart)
    await assert.rejects(chunks.next(), {
      name: 'InputUnreadable',
      code: 'INPUT_TOO_COSTLY',
      message: /takes more than 1.5 s to read from one chunk to the next: it may be damaged/,
    })
    clearInterval(timer)
    assert.ok(turnsWhenRead > 0)
    assert.ok(turns > turnsWhenRead + 1)
    assert.equal(await processesLeft(), 0)
  })

  it('ends a file that takes too much memory', async () => {
    const planParquet = planParquetInProcess(undefined, { stepMs: 60_000, maxMemoryMb: 192 })
    const { fault } = await plan(endless(), { ...here, planParquet })
    assert.ok(fault instanceof InputUnreadable)
    assert.equal(fault.code, 'INPUT_TOO_COSTLY')
    assert.match(fault.message, /takes more than 192 MB of memory to read/)
    assert.equal(await processesLeft(), 0)
  })

  it('does not count the time that a slow storage takes', async () => {
    const slow: ReadInput = async function* (range) {
      await sleep(3300)
      yield* readerOf(fixture('iris-none'))(range)
    }
    const planParquet = planParquetInProcess(undefined, { stepMs: 3000, maxMemoryMb: 1024 })
    const chunks = planChunks(slow, optionsFor(fixture('iris-none'), { ...here, planParquet }), planStart)
    const { value } = await chunks.next()
    assert.ok('rowCount' in value)
    assert.equal(value.rowCount, 7)
    await chunks.return(planStart)
  })

  it('ends the process when the generator is returned early', async () => {
    for await (const { chunk } of planChunks(
      readerOf(fixture('iris-none')),
      optionsFor(fixture('iris-none'), apart),
      planStart,
    )) {
      assert.ok((await processesLeft()) > 0)
      if (chunk === 1) break
    }
    assert.equal(await processesLeft(), 0)
  })
})

async function faultHere(bytes: Buffer) {
  const { fault } = await plan(bytes, here)
  return { code: fault?.code, message: fault?.message }
}
