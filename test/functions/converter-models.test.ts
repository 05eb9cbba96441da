import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { asFloat32, type CaseModel, readCase } from '../support/case-models.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import type { ServiceFiles } from '../support/service-folder.ts'

const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }

/** Services by name. */
const models: Record<string, CaseModel> = {
  logistic: readCase('cases', 'sk_logistic_default'),
  columns: readCase('cases', 'sk_columns_zipmap'),
  'columns-plain': readCase('cases', 'sk_columns_nozipmap'),
  lightgbm: readCase('cases', 'lightgbm_classifier_default'),
  catboost: readCase('cases', 'catboost_classifier_binary'),
  'no-shape': readCase('cases', 'shape_no_shape'),
  default: readCase('cases', 'shape_default_given'),
  texts: readCase('served', 'sk_forest_texts'),
  targets: readCase('served', 'sk_several_targets'),
  names: readCase('served', 'odd_names'),
  'odd-output': readCase('served', 'odd_output'),
  weights: readCase('served', 'zipmap_with_weights_beside'),
  old: readCase('served', 'default_of_old_file'),
  lookup: readCase('served', 'lookup'),
}

/** `{"data": …}`, by name where there is more than one input. */
function bodyOf({ inputs }: CaseModel): string {
  const members = Object.entries(inputs).map(([name, { values }]) => [name, values] as const)
  return JSON.stringify({ data: members.length === 1 ? members[0]?.[1] : Object.fromEntries(members) })
}

/** The rows of the only input. */
function tableOf({ inputs }: CaseModel): number[][] {
  return Object.values(inputs).map(({ values }) => values as number[][])[0] ?? []
}

/** Row by row, where every member of inputs and answer is a list of rows. */
function rowsOf(model: CaseModel): { body: string; answer: unknown }[] {
  const count = Object.values(model.inputs)[0]?.shape[0] ?? 0
  const inputs = Object.entries(model.inputs)
  const cut = (value: unknown, row: number) => (value as unknown[]).slice(row, row + 1)
  return Array.from({ length: count }, (_, row) => ({
    body: bodyOf({
      ...model,
      inputs: Object.fromEntries(inputs.map(([name, each]) => [name, { ...each, values: cut(each.values, row) }])),
    }),
    answer: Object.fromEntries(
      Object.entries(model.answer as object).map(([name, member]) => [
        name,
        model === models.targets && name === 'probabilities'
          ? (member as unknown[]).map(target => cut(target, row))
          : cut(member, row),
      ]),
    ),
  }))
}

const script = `
let forest
export const init = async ({ loadModel }) => { forest = await loadModel() }
export async function run(text) {
  const { Tensor } = await import('scoring-functions')
  const { output_probability: probability } = await forest.run({ X: Tensor.from('float32', JSON.parse(text).data) })
  return { classes: probability.classes, first: probability.data[0], probability }
}`

describe('POST /score: models as converters write them', () => {
  let app: RunningApp
  let blobs: BlobServiceClient
  beforeAll(async () => {
    const storage = await startStorage(test as never)
    blobs = BlobServiceClient.fromConnectionString(storage)
    await blobs.createContainer('input')
    const files: Record<string, ServiceFiles[string]> = {}
    for (const [name, { bytes }] of Object.entries(models)) {
      files[`${name}/service.json`] = {}
      files[`${name}/1/model.onnx`] = bytes
    }
    const weights = models.weights as CaseModel
    files['weights/1/weights.bin'] = readFileSync(join(weights.path, '../weights.bin'))
    files['scripted/service.json'] = { entryScript: 'score.js' }
    files['scripted/score.js'] = script
    files['scripted/1/model.onnx'] = (models.texts as CaseModel).bytes
    files['stages/service.json'] = {
      models: { first: { path: 'first.onnx' }, targets: { path: 'targets.onnx' } },
      stages: [{ model: 'first' }, { model: 'targets' }],
    }
    files['stages/first.onnx'] = readCase('cases', 'shape_no_shape').bytes
    files['stages/targets.onnx'] = (models.targets as CaseModel).bytes
    app = await runApp(test as never, files, {
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const scored = async (service: string, body: string) => {
    const response = await app.score(service, body)
    const text = await response.text()
    assert.equal(response.status, 200, `${service}: ${text}`)
    return asFloat32(JSON.parse(text))
  }

  it.each(Object.entries(models))("answer as Python's ONNX Runtime does: $0", async (name, model) => {
    assert.deepEqual(await scored(name, bodyOf(model)), asFloat32(model.answer))
  })

  it('write each row as an object by class, in shortest float32', async () => {
    assert.equal(
      await (await app.score('weights', '{"data": [[0.25, 0.75], [1, 0]]}')).text(),
      '[{"-1": 2.5, "1": 3.5}, {"-1": 1.0, "1": 2.0}]',
    )
  })

  it('give each of many callers at once the rows that are theirs', async () => {
    for (const name of ['logistic', 'columns', 'lightgbm', 'catboost', 'texts', 'targets']) {
      const rows = rowsOf(models[name] as CaseModel)
      const calls = Array.from({ length: 40 }, async (_, call) => {
        const { body, answer } = rows[call % rows.length] as (typeof rows)[number]
        assertClose(await scored(name, body), answer, name)
      })
      await Promise.all(calls)
    }
  })

  it('use a value that is given in place of their own, for that caller only', async () => {
    const body = (offset?: number) =>
      JSON.stringify({ data: { x: [1, 2], ...(offset !== undefined && { offset: [offset] }) } })
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, call) => scored('default', body(call % 3 === 0 ? undefined : call))),
    )
    for (const [call, answer] of answers.entries()) {
      const offset = call % 3 === 0 ? 10 : call
      assert.deepEqual(answer, [1 + offset, 2 + offset])
    }
  })

  it('refuse a member of "data" that is no input, naming it', async () => {
    for (const [service, data] of [
      ['default', { x: [1], ofset: [100] }],
      ['old', { x: [1], offset: [100] }], // in files of IR version 3 it is a constant
      [
        'columns',
        {
          ...Object.fromEntries(Object.entries(models.columns?.inputs ?? {}).map(([n, v]) => [n, v.values])),
          ofset: 1,
        },
      ],
    ] as const) {
      const response = await app.score(service, JSON.stringify({ data }))
      const { code, message } = (await response.json()) as { code: string; message: string }
      assert.deepEqual([response.status, code], [400, 'INPUT_UNKNOWN'])
      assert.match(message, /^"data" has "off?set"; the model takes "/)
    }
  })

  it('let scripts see the classes, and write what a script passes on', async () => {
    const texts = models.texts as CaseModel
    const { output_probability: rows } = texts.answer as { output_probability: Record<string, number>[] }
    const answer = (await scored('scripted', bodyOf(texts))) as {
      classes: string[]
      first: number
      probability: unknown
    }
    assert.deepEqual(answer.classes, Object.keys(rows[0] as object))
    assert.equal(answer.first, Math.fround(rows[0]?.[answer.classes[0] as string] as number))
    assert.deepEqual(answer.probability, asFloat32(rows))
  })

  it('may be the last stage of a pipeline', async () => {
    const targets = models.targets as CaseModel
    // The first stage changes every sign, so that the second sees what Python saw.
    const rows = tableOf(targets).map(row => row.map(value => -value))
    assert.deepEqual(await scored('stages', JSON.stringify({ data: rows })), asFloat32(targets.answer))
  })

  it('tell a caller whose values the model cannot take, without repeating them', async () => {
    const response = await app.score('lookup', '{"data": [0, 4711]}')
    assert.equal(response.status, 400)
    assert.deepEqual(await response.json(), {
      message: 'the model cannot score this input: an index lies outside [-50,49] (found by the operator Gather)',
      code: 'INPUT_INVALID',
    })
    const beside = await Promise.all(
      [0, 60, 1, -51, 49].map(async index => (await app.score('lookup', `{"data": [${index}]}`)).status),
    )
    assert.deepEqual(beside, [200, 400, 200, 400, 200])
  })

  it('say in their document what an answer is, with an example that scores and its answer', async () => {
    for (const name of Object.keys(models).filter(each => each !== 'columns-plain')) {
      const document = (await (await fetch(`${app.url}/api/v1/service/${name}/swagger.json?version=3`)).json()) as {
        components: { schemas: { ServiceInput: { example: unknown }; ServiceOutput: { example: unknown } } }
      }
      const { ServiceInput: input, ServiceOutput: output } = document.components.schemas
      assertClose(await scored(name, JSON.stringify(input.example)), output.example, name)
    }
    const { components } = (await (
      await fetch(`${app.url}/api/v1/service/logistic/swagger.json?version=3`)
    ).json()) as {
      components: { schemas: { ServiceOutput: { properties: Record<string, unknown> } } }
    }
    const number = { type: 'number', format: 'float' }
    assert.deepEqual(components.schemas.ServiceOutput.properties.output_probability, {
      type: 'array',
      items: { type: 'object', required: ['0', '1', '2'], properties: { 0: number, 1: number, 2: number } },
      description: 'float32, by class; null: NaN or an infinity',
    })
  })

  it('say in the line of their start what they take and give', () => {
    const line = (name: string) => new RegExp(`^\\[${name}\\] ready after .*$`, 'm').exec(app.output())?.[0]
    assert.match(
      line('logistic') ?? '',
      /X float32\[-1, 4\] -> output_label int64\[-1\], output_probability float32\[-1, 3\] by class$/,
    )
    assert.match(line('default') ?? '', /x float32\[n\] \(optional: offset float32\[1\]\) -> y float32\[n\]$/)
    assert.match(line('no-shape') ?? '', /a float32 of any shape -> c float32 of any shape$/)
  })

  it('are scored in jobs, each row with what is its own', async () => {
    for (const [service, output] of [
      ['logistic', 'lines'],
      ['targets', 'lines'],
      ['logistic', 'csv'],
    ] as const) {
      const model = models[service] as CaseModel
      const name = `${service}-${output}.jsonl`
      const text = tableOf(model)
        .map(row => JSON.stringify(row))
        .join('\n')
      await blobs.getContainerClient('input').getBlockBlobClient(name).uploadData(Buffer.from(text))
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${await app.keyOf(service)}` }
      const url = `${app.url}/api/v1/service/${service}/jobs`
      const body = JSON.stringify({
        jobId: `${service}-${output}`,
        input: { blob: `input/${name}` },
        ...(output === 'csv' && { output: { blob: `output/${service}.csv`, format: 'csv' } }),
      })
      assert.equal((await fetch(url, { method: 'POST', headers, body })).status, 202)
      let job: { status: string; output: { blob: string } }
      do {
        await delay(50)
        job = (await (await fetch(`${url}/${service}-${output}`, { headers })).json()) as typeof job
      } while (!['Completed', 'Failed'].includes(job.status))
      assert.equal(job.status, 'Completed')
      const [container = '', ...path] = job.output.blob.split('/')
      const result = (
        await blobs.getContainerClient(container).getBlobClient(path.join('/')).downloadToBuffer()
      ).toString()
      const expected = rowsOf(model).map(({ answer }) => rowAlone(answer as Record<string, unknown[]>))
      const [first = '', ...others] = result.trim().split('\n')
      if (output === 'csv') {
        assert.match(first, /^index,[\w,]+,error_code,error_message$/)
        assertClose(others.map(cellsOfPrediction), expected.map(numbersIn), 'as a table')
      } else {
        const predictions = [first, ...others].map(line => JSON.parse(line).prediction)
        assertClose(predictions, expected, `${service} as ${output}`)
      }
    }
  })
})

/**
 * Linear classifiers compute other last bits for one row than for several. Such a difference is far below that between
 * any two rows here.
 */
function assertClose(actual: unknown, expected: unknown, what: string): void {
  const rounded = (value: unknown): unknown => {
    if (typeof value === 'number') return Math.round(value * 1e5) / 1e5 + 0 // no -0
    if (Array.isArray(value)) return value.map(rounded)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, rounded(member)]))
  }
  assert.deepEqual(rounded(actual), rounded(expected), what)
}

/** What a job writes for a row: the entry of the row, also in the lists of a list of targets. */
function rowAlone(answer: Record<string, unknown[]>): unknown {
  return Object.fromEntries(
    Object.entries(answer).map(([name, member]) => [
      name,
      name === 'probabilities' && member.length > 1 ? member.map(target => (target as unknown[])[0]) : member[0],
    ]),
  )
}

/** Each value has a column, between the index and those of an error. */
function cellsOfPrediction(line: string): number[] {
  return line.split(',').slice(1, -2).map(Number)
}

function numbersIn(value: unknown): number[] {
  return typeof value === 'number' ? [value] : Object.values(value as object).flatMap(numbersIn)
}
