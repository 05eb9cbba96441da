import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

/** Inputs, and what Python's onnxruntime gave for them. */
interface Case {
  readonly inputs: Readonly<Record<string, { readonly values: readonly (readonly [string | number])[] }>>
  readonly python_onnxruntime: {
    readonly values: readonly { readonly values: readonly (number | readonly number[])[] }[]
    readonly outputs: readonly (readonly [string, ...unknown[]])[]
  }
}

interface Job {
  readonly jobId: string
  readonly status: string
  readonly output: { readonly blob: string }
  readonly error?: { readonly code: string; readonly message: string }
}

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }
const file = (name: string) => readFile(`test/fixtures/cases/${name}`)
const readCase = async (name: string): Promise<Case> => JSON.parse(String(await file(`${name}/case.json`)))
const titanic = await readCase('sk_columns_nozipmap')
const imputer = await readCase('sk_imputer_missing')
/** With "nan" where a value is missing. */
const recordsOf = ({ inputs }: Case) =>
  Array.from({ length: 3 }, (_, row) =>
    Object.fromEntries(Object.entries(inputs).map(([name, { values }]) => [name, values[row]?.[0] as string | number])),
  )

describe('POST /jobs: batch jobs of CSV and Parquet', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  let queues: QueueServiceClient
  beforeAll(async () => {
    const storage = await startStorage(test as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    queues = QueueServiceClient.fromConnectionString(storage)
    await blobs.createContainer('input')
    await queues.createQueue('scoring-jobs')
    const open = { auth: { mode: 'none' } }
    app = await runApp(
      test as never,
      {
        'titanic/service.json': open,
        'titanic/model.onnx': await file('sk_columns_nozipmap/model.onnx'),
        'imputer/service.json': open,
        'imputer/model.onnx': await file('sk_imputer_missing/model.onnx'),
        'strict/service.json': { ...open, missing: 'error' },
        'strict/model.onnx': await file('sk_imputer_missing/model.onnx'),
        'wide/service.json': { ...open, response: { nonFinite: 'literal' } },
        'wide/model.onnx': identityModel('float32', ['batch', 3]),
        'named/service.json': { ...open, input: { columns: ['a', 'b', 'c'] } },
        'named/model.onnx': identityModel('float32', ['batch', 3]),
      },
      {
        AzureWebJobsStorage: storage,
        SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
        SCORING_JOB_MAX_INPUT_BYTES: '1000000',
      },
    )
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const put = (name: string, content: string | Uint8Array) =>
    blobs.getContainerClient('input').getBlockBlobClient(name).uploadData(Buffer.from(content))
  const call = (path: string, body?: object) =>
    fetch(`${app.url}/api/v1/service/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    })
  const endOf = async (service: string, jobId: string): Promise<Job> => {
    for (;;) {
      const job = (await (await call(`${service}/jobs/${jobId}`)).json()) as Job
      if (['Completed', 'Failed', 'Canceled'].includes(job.status)) return job
      await delay(50)
    }
  }
  /** @returns the job when it has ended, and what each row got */
  const run = async (service: string, name: string, content: string | Uint8Array, input: object = {}) => {
    await put(name, content)
    const submitted = await call(`${service}/jobs`, { input: { blob: `input/${name}`, ...input } })
    const { jobId, message } = (await submitted.json()) as Job & { message?: string }
    assert.equal(submitted.status, 202, message)
    const job = await endOf(service, jobId)
    if (job.status !== 'Completed') return { job, predictions: [] }
    const [, ...path] = job.output.blob.split('/')
    const text = String(await blobs.getContainerClient('jobs').getBlobClient(path.join('/')).downloadToBuffer())
    const predictions = text
      .split('\n')
      .slice(0, -1)
      .map(line => /^\{"index": \d+, "(?:prediction|error)": (.*)\}$/.exec(line)?.[1] as string)
    return { job, predictions }
  }
  const assertPythons = ({ python_onnxruntime: { values, outputs } }: Case, predictions: readonly string[]) => {
    assert.equal(predictions.length, 3)
    for (const [row, text] of predictions.entries()) {
      const answer = JSON.parse(text)
      for (const [index, [name]] of outputs.entries()) {
        const expected = [values[index]?.values[row]].flat() as number[]
        const actual = [answer[name]].flat() as number[]
        assert.equal(actual.length, expected.length)
        for (const [at, value] of expected.entries())
          assert.ok(Math.abs((actual[at] as number) - value) < 1e-6, `${name} of row ${row}: ${text}`)
      }
    }
  }
  const csvOf = (records: readonly Record<string, string | number>[], names: readonly string[]) =>
    [names, ...records.map(record => names.map(name => record[name] ?? 'x'))]
      .map(cells => `${cells.join(',')}\n`)
      .join('')

  it('find columns by name in any order beside others, and as records', async () => {
    const records = recordsOf(titanic)
    const names = ['id', ...Object.keys(titanic.inputs).reverse()]
    assertPythons(titanic, (await run('titanic', 'shuffled.csv', csvOf(records, names))).predictions)
    const lines = records.map(record => `${JSON.stringify(record)}\n`).join('')
    assertPythons(titanic, (await run('titanic', 'records.jsonl', lines)).predictions)
    const lists = records.map(record => `${JSON.stringify(Object.values(record))}\n`).join('')
    assertPythons(titanic, (await run('titanic', 'lists.jsonl', lists)).predictions)
    const [, ...rows] = csvOf(records, Object.keys(titanic.inputs)).split(/(?<=\n)/)
    const bare = await run('titanic', 'bare.csv', rows.join(''), { header: false })
    assertPythons(titanic, bare.predictions)
    const { job } = await run('titanic', 'bare-unsaid.csv', rows.join(''))
    assert.deepEqual([job.status, job.error?.code], ['Failed', 'INPUT_HAS_NO_HEADER'])
  })

  it('read missing values as NaN', async () => {
    const records = recordsOf(imputer)
    const names = Object.keys(imputer.inputs)
    for (const [index, missing] of ['', 'NA', 'nan', '<NA>'].entries()) {
      const csv = csvOf(records, names).replaceAll('nan', missing)
      assertPythons(imputer, (await run('imputer', `missing-${index}.csv`, csv)).predictions)
    }
    for (const [index, missing] of ['null', 'NaN'].entries()) {
      const lines = records.map(record => `${JSON.stringify(record).replace('"nan"', missing)}\n`).join('')
      assertPythons(imputer, (await run('imputer', `missing-${index}.jsonl`, lines)).predictions)
      const [refused, ...others] = (await run('strict', `strict-${index}.jsonl`, lines)).predictions
      assert.match(refused ?? '', index === 0 ? /INPUT_TYPE_MISMATCH/ : /ROW_NOT_JSON/)
      assert.ok(others.every(text => text.includes('probabilities')))
    }
    const [refused] = (await run('strict', 'strict.csv', csvOf(records, names))).predictions
    assert.match(refused ?? '', /ROW_NOT_A_NUMBER/)
  })

  it('distinguish NaN and infinities, in CSV and in Parquet written by pyarrow', async () => {
    const { predictions } = await run('wide', 'odd.csv', 'a,b,c\n,inf,-Infinity\n1,2,3\n')
    assert.deepEqual(predictions, ['[NaN, Infinity, -Infinity]', '[1.0, 2.0, 3.0]'])
    const parquet = await readFile('test/fixtures/parquet/types.parquet')
    // test/fixtures/parquet/write.py: 1.5, 0.5, 0.1; then nothing but nulls; then -0.0, nan, -inf.
    const read = await run('wide', 'types.parquet', parquet, { columns: ['f16', 'f32', 'f64'] })
    assert.deepEqual(read.predictions, ['[1.5, 0.5, 0.1]', '[NaN, NaN, NaN]', '[-0.0, NaN, -Infinity]'])
  })

  it('use the column names of service.json or of the job', async () => {
    const csv = 'c,id,a,b\n3,7,1,2\n'
    assert.deepEqual((await run('named', 'named.csv', csv)).predictions, ['[1.0, 2.0, 3.0]'])
    assert.deepEqual((await run('named', 'named.jsonl', '{"b": 2, "c": 3, "a": 1}\n')).predictions, ['[1.0, 2.0, 3.0]'])
    const columns = ['c', 'b', 'a']
    assert.deepEqual((await run('wide', 'by-job.csv', csv, { columns })).predictions, ['[3.0, 2.0, 1.0]'])
    // pandas 3.0: DataFrame({'c': [3], 'id': ['é'], 'a': [1.5], 'b': [None]}).to_json(orient='records', lines=True)
    const records = '{"c":3,"id":"\\u00e9","a":1.5,"b":null}\n{"c":6,"id":"7","a":4,"b":5}\n'
    const byName = ['[1.5, NaN, 3.0]', '[4.0, 5.0, 6.0]']
    assert.deepEqual((await run('wide', 'records.jsonl', records, { columns: ['a', 'b', 'c'] })).predictions, byName)
    const inArray = `[${records.trim().replace('\n', ',')}]`
    assert.deepEqual((await run('named', 'records.json', inArray)).predictions, ['[1.5, null, 3.0]', byName[1]])
    const { job } = await run('named', 'others.csv', 'A,b,d\n1,2,3\n')
    assert.equal(job.error?.code, 'INPUT_COLUMNS_UNFIT')
    assert.match(job.error?.message ?? '', /missing: "a" \(did you mean "A"\?\), "c".*; unknown: "A", "d"$/)
  })

  it('tell the line of the file in which a failed row begins', async () => {
    const csv =
      'a,note,b,c\r\n1,"two\r\nlines",2,3\r\n\r\n1,,x,3\r\n1,2\r\n4,,5,6\r\n7,"a ""b""\n\n",8,\r\n1,,2,3 apples'
    const records = '{"a": 1, "b": 2, "c": 3}\n\n{"a": 1, "b": 2}\n{"a": 1, "b": 2, "c": "x"}\n{"a": 1,\n'
    const array = '[\n  {"a": 1, "b": 2, "c": 3},\n  {\n    "a": 1,\n    "b": 2\n  },\n  {"a": 1, "b": 2, "c": "x"}\n]'
    const ofCsv = [
      [1, 'line 5: column "b" has another value; it must be a number (float32)'],
      [2, 'line 6: the row has 2 cell(s), the header names 4 column(s)'],
      [5, 'line 11: column "c" has another value; it must be a number (float32)'],
    ] as const
    const ofRecords = [
      [1, 'line 3: the row has no "c", which the first row of the input has'],
      [2, 'line 4: '],
      [3, 'line 5: the row is not JSON: unexpected end at column 9'],
    ] as const
    const ofArray = [
      [1, 'line 3: the row has no "c", which the first row of the input has'],
      [2, 'line 7: '],
    ] as const
    const failedRows = async (name: string, content: string | Buffer, miniBatchSize: number) => {
      await put(name, content)
      const submission = { input: { blob: `input/${name}` }, miniBatchSize }
      const { jobId } = (await (await call('named/jobs', submission)).json()) as Job
      assert.equal((await endOf('named', jobId)).status, 'Completed')
      const lines = (await (await call(`named/jobs/${jobId}/output`)).text()).split('\n').slice(0, -1)
      return lines.flatMap((line, index) => {
        const { error } = JSON.parse(line) as { error?: { message: string } }
        return error ? [[index, error.message] as const] : []
      })
    }
    const files = [
      ['lines.csv', csv, ofCsv],
      ['lines.csv.gz', gzipSync(csv), ofCsv],
      ['lines-utf16.csv', Buffer.from(`\ufeff${csv}`, 'utf16le'), ofCsv],
      ['lines.jsonl', records, ofRecords],
      ['lines.json', array, ofArray],
    ] as const
    const jobs = files.flatMap(([name, content, expected]) =>
      [1, 100].map(async miniBatchSize => {
        const failed = await failedRows(`${miniBatchSize}-${name}`, content, miniBatchSize)
        const begins = failed.map(([index, message], at) => [index, message.slice(0, expected[at]?.[1].length)])
        assert.deepEqual(begins, expected, name)
      }),
    )
    await Promise.all(jobs)
    const { jobId } = (await (await call('named/jobs', { input: { rows: [[1, 2, 3], [1]] } })).json()) as Job
    assert.equal((await endOf('named', jobId)).status, 'Completed')
    const [, failed] = (await (await call(`named/jobs/${jobId}/output`)).text()).split('\n')
    assert.match(failed ?? '', /"index": 1, "error"/)
    assert.doesNotMatch(failed ?? '', /line \d/)
  })

  it('copy columns to the output, also from gzip and for rows that fail', async () => {
    const rows = Array.from({ length: 300 }, (_, row) => [`p${row}`, row, row === 7 ? 'x' : 2, 3, `Zoë, "${row}"`])
    const cell = (value: unknown) => (/[",]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value)
    const csv = ['id,a,b,c,name', ...rows.map(row => row.map(cell).join(','))].join('\r\n')
    for (const [name, content] of [
      ['ids.csv', csv],
      ['ids.csv.gz', gzipSync(csv)],
    ] as const) {
      await put(name, content)
      const include = ['name', 'id']
      const ended = async (output: object) => {
        const submission = { input: { blob: `input/${name}` }, miniBatchSize: 100, output }
        const { jobId } = (await (await call('named/jobs', submission)).json()) as Job
        const job = await endOf('named', jobId)
        assert.deepEqual([job.status, job.error], ['Completed', undefined])
        return (await (await call(`named/jobs/${jobId}/output`)).text()).split('\n').slice(0, -1)
      }
      const lines = await ended({ include })
      assert.equal(lines.length, 300)
      for (const [index, [id, a, b, c, name]] of rows.entries()) {
        const { error, ...line } = JSON.parse(lines[index] as string)
        const columns = { name, id }
        assert.deepEqual(line, index === 7 ? { index, columns } : { index, columns, prediction: [a, b, c] })
        assert.equal(error?.code, index === 7 ? 'ROW_NOT_A_NUMBER' : undefined)
      }
      const [header, first, ...others] = await ended({ include, format: 'csv' })
      assert.equal(header, 'index,name,id,prediction_0,prediction_1,prediction_2,error_code,error_message')
      assert.equal(first, '0,"Zoë, ""0""",p0,0.0,2.0,3.0,,')
      assert.equal(others.length, 299)
      assert.match(others[6] ?? '', /^7,"Zoë, ""7""",p7,,,,ROW_NOT_A_NUMBER,/)
    }
  })

  it('copy values of records and of Parquet with their types, and all columns', async () => {
    const ended = async (submission: object) => {
      const submitted = await call('wide/jobs', submission)
      const { jobId, message } = (await submitted.json()) as Job & { message?: string }
      assert.equal(submitted.status, 202, message)
      const job = await endOf('wide', jobId)
      assert.deepEqual([job.status, job.error], ['Completed', undefined])
      return (await (await call(`wide/jobs/${jobId}/output`)).text()).split('\n').slice(0, -1)
    }
    await put(
      'records.jsonl',
      '{"id": 7, "a": 1, "b": 2, "c": 3, "tags": ["x"]}\n{"id": "x", "a": "?", "b": 2, "c": 3, "tags": null}\n',
    )
    const columns = ['a', 'b', 'c']
    const records = { blob: 'input/records.jsonl', columns }
    const [first, second] = await ended({ input: records, output: { include: ['tags', 'id'] } })
    assert.equal(first, '{"index": 0, "columns": {"tags": ["x"], "id": 7}, "prediction": [1.0, 2.0, 3.0]}')
    assert.deepEqual(JSON.parse(second ?? '').columns, { tags: null, id: 'x' })
    const [header, line] = await ended({ input: records, output: { include: 'all', format: 'csv' } })
    assert.equal(header, 'index,id,a,b,c,tags,prediction_0,prediction_1,prediction_2,error_code,error_message')
    assert.equal(line, '0,7,1,2,3,"[""x""]",1.0,2.0,3.0,,')
    const parquet = await readFile('test/fixtures/parquet/types.parquet')
    await put('typed.parquet', parquet)
    const floats = { blob: 'input/typed.parquet', columns: ['f16', 'f32', 'f64'] }
    // test/fixtures/parquet/write.py
    const typed = await ended({ input: floats, output: { include: ['i64', 'text', 'day', 'f64'] } })
    assert.deepEqual(typed, [
      '{"index": 0, "columns": {"i64": 1152921504606846977, "text": "é \\"q\\"\\n", "day": "1969-12-31", "f64": 0.1}, "prediction": [1.5, 0.5, 0.1]}',
      '{"index": 1, "columns": {"i64": null, "text": null, "day": null, "f64": null}, "prediction": [NaN, NaN, NaN]}',
      '{"index": 2, "columns": {"i64": -9223372036854775808, "text": "", "day": "9999-12-31", "f64": null}, "prediction": [-0.0, NaN, -Infinity]}',
    ])
    const submitted = await call('wide/jobs', { input: { rows: [[1, 2, 3]] }, output: { include: ['id'] } })
    const { error } = await endOf('wide', ((await submitted.json()) as Job).jobId)
    assert.equal(error?.code, 'INPUT_COLUMNS_UNFIT')
    assert.match(error?.message ?? '', /"output.include": the first row is not an object of values by name$/)
    const none = await call('wide/jobs', { input: { rows: [] }, output: { include: ['id'] } })
    assert.equal((await endOf('wide', ((await none.json()) as Job).jobId)).status, 'Completed')
  })

  it('write chosen outputs, and a column for each of their values', async () => {
    const records = recordsOf(titanic)
    await put('chosen.csv', csvOf(records, Object.keys(titanic.inputs)))
    const ended = async (output: object) => {
      const submitted = await call('titanic/jobs', { input: { blob: 'input/chosen.csv' }, output })
      const { jobId, message } = (await submitted.json()) as Job & { message?: string }
      assert.equal(submitted.status, 202, message)
      const job = await endOf('titanic', jobId)
      const lines = job.error
        ? []
        : (await (await call(`titanic/jobs/${jobId}/output`)).text()).split('\n').slice(0, -1)
      return { job, lines }
    }
    const { values } = titanic.python_onnxruntime
    const [labels, probabilities] = values.map(({ values }) => values)
    const { lines } = await ended({ format: 'csv' })
    assert.equal(lines[0], 'index,label,probabilities_0,probabilities_1,error_code,error_message')
    for (const [row, line] of lines.slice(1).entries()) {
      const [index, label, ...others] = line.split(',').slice(0, 4).map(Number)
      assert.deepEqual([index, label], [row, labels?.[row]])
      for (const [at, value] of others.entries())
        assert.ok(Math.abs(value - ((probabilities as number[][])[row]?.[at] as number)) < 1e-6, line)
    }
    const chosen = await ended({ columns: ['label'] })
    const expected = labels?.map((label, index) => `{"index": ${index}, "prediction": {"label": ${label}}}`)
    assert.deepEqual(chosen.lines, expected)
    const { error } = (await ended({ columns: ['labels'] })).job
    assert.deepEqual([error?.code], ['OUTPUT_COLUMNS_UNFIT'])
    assert.match(error?.message ?? '', /no output "labels"; it has "label", "probabilities"$/)
  })

  it('read UTF-16, which spreadsheets call Unicode text', async () => {
    const text = `\ufeffname\ta\tb\tc\r\n${'Zoë\t1\t2\t3\r\n'.repeat(2500)}`
    await put('unicode.csv', Buffer.from(text, 'utf16le'))
    const input = { blob: 'input/unicode.csv', delimiter: '\t' }
    const submission = { input, output: { include: ['name'] }, miniBatchSize: 1000 }
    const { jobId } = (await (await call('named/jobs', submission)).json()) as Job
    assert.equal((await endOf('named', jobId)).status, 'Completed')
    const lines = (await (await call(`named/jobs/${jobId}/output`)).text()).split('\n').slice(0, -1)
    assert.equal(lines.length, 2500)
    assert.equal(lines[2499], '{"index": 2499, "columns": {"name": "Zo\\u00eb"}, "prediction": [1.0, 2.0, 3.0]}')
  })

  it('read other delimiters, quotes and texts of missing values', async () => {
    const csv = "c|'the id'|a|b\n3|'x|y'|?|2\n4|z|'1'|NA\n"
    const dialect = { delimiter: '|', quote: "'", na: ['?'] }
    await put('bars.csv', csv)
    const input = { blob: 'input/bars.csv', ...dialect, columns: ['a', 'b', 'c'] }
    const { jobId } = (await (await call('wide/jobs', { input, output: { include: ['the id'] } })).json()) as Job
    assert.equal((await endOf('wide', jobId)).status, 'Completed')
    assert.equal(
      await (await call(`wide/jobs/${jobId}/output`)).text(),
      '{"index": 0, "columns": {"the id": "x|y"}, "prediction": [NaN, 2.0, 3.0]}\n' +
        '{"index": 1, "columns": {"the id": "z"}, "prediction": [1.0, NaN, 4.0]}\n',
    )
  })

  it('read numbers as Excel writes them in Germany, and copy their cells as they stand', async () => {
    await put('excel.csv', '\ufeffKunde;a;b;c\r\n007;1.234,50;2;-0,25\r\n0010;"1,5";1,5.0;3\r\n')
    const input = { blob: 'input/excel.csv', delimiter: ';', decimal: ',', thousands: '.', columns: ['a', 'b', 'c'] }
    const output = { include: ['Kunde', 'a'] }
    const { jobId } = (await (await call('wide/jobs', { input, output })).json()) as Job
    assert.equal((await endOf('wide', jobId)).status, 'Completed')
    const [first, second] = (await (await call(`wide/jobs/${jobId}/output`)).text()).split('\n')
    assert.equal(
      first,
      '{"index": 0, "columns": {"Kunde": "007", "a": "1.234,50"}, "prediction": [1234.5, 2.0, -0.25]}',
    )
    assert.match(second ?? '', /"Kunde": "0010", "a": "1,5"}, "error": .*line 3: column .*"b.* has another value/)
  })

  it("accept inline NaN and infinities in Python's spelling, and refuse numbers that are too large", async () => {
    const rows = '[[NaN, Infinity, 1], [null, 2, 3], [1e400, 2, 3]]'
    const submission = `{"jobId": "inline", "service": "wide", "input": {"rows": ${rows}}}`
    const response = await fetch(`${app.url}/api/v1/service/wide/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: submission,
    })
    assert.equal(response.status, 202)
    await queues.getQueueClient('scoring-jobs').sendMessage(submission.replace('inline', 'inline-message'))
    for (const jobId of ['inline', 'inline-message']) {
      while ((await call(`wide/jobs/${jobId}`)).status === 404) await delay(50)
      const { output } = await endOf('wide', jobId)
      const blob = blobs.getContainerClient('jobs').getBlobClient(output.blob.slice('jobs/'.length))
      const [first, second, third] = String(await blob.downloadToBuffer()).split('\n')
      assert.equal(first, '{"index": 0, "prediction": [NaN, Infinity, 1.0]}')
      assert.equal(second, '{"index": 1, "prediction": [NaN, 2.0, 3.0]}')
      assert.match(third ?? '', /too large a number for float32/)
    }
  })

  it.each([
    [{ blob: 'input/a.jsonl', header: false }, {}, /^input\.header: applies to CSV only/],
    [{ blob: 'input/a.jsonl', delimiter: ';' }, {}, /^input\.delimiter: applies to CSV only/],
    [{ blob: 'input/a.csv', delimiter: '.' }, {}, /^input\.delimiter: must be one character of ASCII, no letter/],
    [{ blob: 'input/a.jsonl', decimal: ',' }, {}, /^input\.decimal: applies to CSV only/],
    [{ blob: 'input/a.csv', decimal: ';' }, {}, /^input\.decimal: must be "," or "\."/],
    [{ blob: 'input/a.csv', thousands: '.' }, {}, /^input\.thousands: is "\.", which stands before the decimals/],
    [{ blob: 'input/a.csv', delimiter: "'", quote: "'" }, {}, /^input\.quote: is "'", which separates the columns/],
    [{ blob: 'input/a.csv', columns: ['a', 'a'] }, {}, /^input\.columns: must not name a column twice/],
    [
      { blob: 'input/a\u2029/../../private/x.csv' },
      {},
      /^input\.blob: must be .*: a segment of its path is "\.\."|U\+2029/,
    ],
    [{ blob: 'input/a.csv' }, { blob: 'output/a.xlsx' }, /^output\.blob: ends with "\.xlsx", .*\.parquet or \.pq$/],
    [{ blob: 'input/a.csv' }, { blob: 'output/a.parquet.gz' }, /^output\.blob: ends with "\.gz"/],
  ] as const)('refuse contradictory options of the input: %j', async (input, output, message) => {
    const response = await call('wide/jobs', { input, output })
    const answer = (await response.json()) as { code: string; message: string }
    assert.deepEqual([response.status, answer.code], [400, 'JOB_INVALID'], answer.message)
    assert.match(answer.message, message)
  })

  it('refuse text above SCORING_JOB_MAX_INPUT_BYTES, also compressed', async () => {
    const { gzipSync } = await import('node:zlib')
    const { job } = await run('wide', 'bomb.jsonl.gz', gzipSync('[1, 2, 3]\n'.repeat(200_000)))
    assert.deepEqual([job.status, job.error?.code], ['Failed', 'INPUT_TOO_LARGE'])
  })

  it('accept messages with Windows line ends, as text and as base64', async () => {
    await put('mail.csv', 'a,b,c\n1,2,3\n')
    const submission = JSON.stringify({ jobId: 'mail', service: 'wide', input: { blob: 'input/mail.csv' } })
    const packed = Buffer.from(submission).toString('base64').replace(/.{40}/g, '$&\r\n')
    const plain = submission.replace('"mail"', '"lines"').replaceAll(',', ',\r\n')
    for (const text of [packed, plain]) await queues.getQueueClient('scoring-jobs').sendMessage(text)
    for (const jobId of ['mail', 'lines']) {
      while ((await call(`wide/jobs/${jobId}`)).status === 404) await delay(50)
      assert.equal((await endOf('wide', jobId)).status, 'Completed')
    }
  })
})
