import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer'
import { describe, it } from 'vitest'
import type { JobMessage } from '../../../src/jobs/message-queues.ts'
import { JobBench, job, outputReference } from '../job-bench.ts'

/** Five rows: two files have several chunks, one has none, and the first chunk of the last two is not that of the job. */
const files = { a: '0\n1\n2\n', b: '', c: '3\n', d: '4\n' }
const output = (name: string) => ({ container: 'output', path: name })
const perFile = { blob: 'output/{name}', isPerFile: true } as const

async function readParquet(bench: JobBench, name: string) {
  const blob = await bench.store.readWhole(output(name))
  return parquetReadObjects({ file: Uint8Array.from(blob?.content ?? []).buffer })
}

/** All rows are scored; the blocks of the outputs have expired, and too many are left to be committed one by one. */
async function expiredBench(change: Parameters<JobBench['createJob']>[1]): Promise<JobBench> {
  const bench = new JobBench({ maxBlocks: 3, joinedBytes: 1, budgetMs: 0 })
  await bench.createJob('', { miniBatchSize: 1, ...change })
  await bench.scoreAll()
  for (const name of [...Object.keys(files), 'predictions']) bench.store.dropStagedBlocks(output(name))
  await bench.deliverAll()
  assert.deepEqual([bench.state.status, bench.state.error], ['Completed', undefined])
  return bench
}

describe('a job with several files', () => {
  it('writes one output of each format with the file of each row', async () => {
    const jsonl = await expiredBench({ files })
    const line = (index: number, file: string, value: number) =>
      `{"index": ${index}, "file": "input/${file}", "prediction": [${value}]}\n`
    const places: readonly [number, string, number][] = [
      [0, 'a', 0],
      [1, 'a', 1],
      [2, 'a', 2],
      [0, 'c', 3],
      [0, 'd', 4],
    ] as const
    assert.equal(jsonl.output, places.map(([index, file, value]) => line(index, file, value)).join(''))
    const csv = await expiredBench({ files, outputFormat: 'csv', output: { isGzip: true } })
    const content = (await csv.store.readWhole(outputReference))?.content ?? new Uint8Array()
    assert.equal(
      gunzipSync(content).toString(),
      'index,file,prediction,error_code,error_message\n' +
        places.map(([index, file, value]) => `${index},input/${file},[${value}],,\n`).join(''),
    )
    const parquet = await expiredBench({ files, outputFormat: 'parquet' })
    assert.deepEqual(
      await readParquet(parquet, 'predictions'),
      places.map(([index, file, value]) => ({
        index: BigInt(index),
        file: `input/${file}`,
        prediction: `[${value}]`,
        error_code: null,
        error_message: null,
      })),
    )
  })

  it('writes an output for each file that is whole of its own, also where it is joined again or has no rows', async () => {
    const jsonl = await expiredBench({ files, output: perFile })
    const row = (index: number, value: number) => `{"index": ${index}, "prediction": [${value}]}\n`
    const texts = { a: row(0, 0) + row(1, 1) + row(2, 2), b: '', c: row(0, 3), d: row(0, 4) }
    for (const [name, text] of Object.entries(texts)) assert.equal(jsonl.store.text(output(name)), text)
    const csv = await expiredBench({ files, outputFormat: 'csv', output: perFile })
    const header = 'index,prediction,error_code,error_message\n'
    assert.equal(csv.store.text(output('a')), `${header}0,[0],,\n1,[1],,\n2,[2],,\n`)
    assert.equal(csv.store.text(output('b')), header)
    assert.equal(csv.store.text(output('d')), `${header}0,[4],,\n`)
    const packed = await expiredBench({ files, outputFormat: 'csv', output: { ...perFile, isGzip: true } })
    const unpacked = async (name: string) =>
      gunzipSync((await packed.store.readWhole(output(name)))?.content ?? new Uint8Array()).toString()
    assert.deepEqual([await unpacked('b'), await unpacked('c')], [header, `${header}0,[3],,\n`])
    const parquet = await expiredBench({ files, outputFormat: 'parquet', output: perFile })
    const record = (index: number, value: number) => ({
      ...{ index: BigInt(index), prediction: `[${value}]` },
      ...{ error_code: null, error_message: null },
    })
    assert.deepEqual(await readParquet(parquet, 'a'), [record(0, 0), record(1, 1), record(2, 2)])
    assert.deepEqual(await readParquet(parquet, 'b'), [])
    assert.deepEqual(
      [await readParquet(parquet, 'c'), await readParquet(parquet, 'd')],
      [[record(0, 3)], [record(0, 4)]],
    )
  })

  it('gives copied columns the types of Parquet files that all have no rows', async () => {
    const columnData: ColumnSource[] = [
      { name: 'id', data: [], type: 'INT64' },
      { name: 'isNew', data: [], type: 'BOOLEAN' },
      { name: 'x', data: [], type: 'DOUBLE' },
    ]
    const empty = new Uint8Array(parquetWriteBuffer({ columnData }))
    for (const perName of [{}, perFile]) {
      const bench = new JobBench()
      await bench.runJob('', {
        files: { a: empty, b: empty },
        format: 'parquet',
        outputFormat: 'parquet',
        output: { include: 'all', ...perName },
      })
      assert.deepEqual([bench.state.status, bench.state.error], ['Completed', undefined])
      const blob = await bench.store.readWhole(output('isPerFile' in perName ? 'b' : 'predictions'))
      const { schema, num_rows } = parquetMetadata(Uint8Array.from(blob?.content ?? []).buffer)
      const types = new Map(schema.map(({ name, type }) => [name, type]))
      assert.deepEqual(
        [num_rows, types.get('id'), types.get('isNew'), types.get('x')],
        [0n, 'INT64', 'BOOLEAN', 'DOUBLE'],
      )
    }
  })

  it('reads UTF-16 beside UTF-8, with a dialect and gzip, and copies columns of each', async () => {
    const texts = [Buffer.from('\uFEFFid;x\né;1\n', 'utf16le'), Buffer.from('id;x\nü;"2;2"\n'), Buffer.from('id;x\n')]
    for (const isGzip of [false, true]) {
      const [a, b, c] = texts.map(text => (isGzip ? gzipSync(text) : text)) as [Buffer, Buffer, Buffer]
      const bench = new JobBench()
      await bench.runJob('', {
        files: { b, a, c },
        format: 'csv',
        isGzip,
        dialect: { delimiter: ';' },
        outputFormat: 'csv',
        output: { include: 'all' },
      })
      assert.deepEqual(bench.state.error, undefined)
      assert.deepEqual(
        bench.output?.split('\n').map(line => line.split(',').slice(0, 4).join()),
        ['index,id,x,file', '0,ü,2;2,input/b', '0,é,1,input/a', ''],
      )
    }
  })

  it('gives the rows of a chunk that kills the process their file, and goes on with those that are scored', async () => {
    const bench = new JobBench()
    await bench.createJob('', { files: { a: '0\n', c: '1\n2\n' } })
    await bench.steps.split(job)
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    while (bench.take('chunk'));
    let next: JobMessage | undefined = { ...job, chunk: 1 }
    while (next?.chunk === 1) {
      await bench.steps.poisoned('chunk', next)
      await bench.clock.advance(600_000)
      next = bench.take('chunk')
    }
    await bench.deliverAll()
    const lines = bench.output
      ?.trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(
      lines?.map(({ file, index, error }) => [file, index, error?.code]),
      [
        ['input/a', 0, undefined],
        ['input/c', 0, 'CHUNK_POISONED'],
        ['input/c', 1, 'CHUNK_POISONED'],
      ],
    )
  })

  it('takes Parquet files whose columns have another order, and names a copied column of another type', async () => {
    const parquet = (columns: ColumnSource[]) => new Uint8Array(parquetWriteBuffer({ columnData: columns }))
    const id: ColumnSource = { name: 'id', data: [1n], type: 'INT64' }
    const x: ColumnSource = { name: 'x', data: [0.5], type: 'DOUBLE' }
    const run = async (other: Uint8Array, include: readonly string[] | 'all') => {
      const bench = new JobBench()
      await bench.runJob('', {
        ...{ files: { a: parquet([id, x]), b: other }, format: 'parquet', outputFormat: 'parquet' },
        output: { include },
      })
      const rows = bench.state.error ? [] : await readParquet(bench, 'predictions')
      return { error: bench.state.error?.message, rows: rows.map(row => [row.file, row.id, row.x]) }
    }
    const swapped = await run(parquet([x, { ...id, data: [2n] }]), 'all')
    assert.deepEqual(swapped, {
      error: undefined,
      rows: [
        ['input/a', 1n, 0.5],
        ['input/b', 2n, 0.5],
      ],
    })
    const integer = parquet([id, { name: 'x', data: [7], type: 'INT32' }])
    assert.deepEqual((await run(integer, ['id'])).error, undefined)
    assert.match(
      (await run(integer, ['id', 'x'])).error ?? '',
      /^input\/b: column "x" is of type int32, and of type float64 in the first file/,
    )
    assert.match((await run(parquet([id]), 'all')).error ?? '', /^input\/b: .*first file: "x" is missing/)
  })

  it('counts the rows alone with "action": "summary_only"', async () => {
    const bench = new JobBench()
    await bench.runJob('', { files, outputFormat: 'parquet', output: { action: 'summary_only' } })
    assert.equal(bench.state.status, 'Completed')
    assert.deepEqual([bench.state.progress?.rows, bench.output], [5, undefined])
  })
})
