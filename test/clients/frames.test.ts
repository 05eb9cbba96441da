/** Data frames of pandas, in the hands of requests: each form that pandas can write one in, with missing values. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { run } from './tools.ts'

const source = (path: string) => join(import.meta.dirname, 'python', path)
const fixture = (path: string) => join(import.meta.dirname, '../fixtures/cases', path)

interface Case {
  readonly inputs: Readonly<Record<string, { values: unknown[][] }>>
  readonly python_onnxruntime: { readonly values: { values: unknown[] }[] }
}

describe('POST /score: a data frame', () => {
  const cleanUps: (() => unknown)[] = []
  let folder: string
  let app: RunningApp
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'frames-'))
    cleanUps.push(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    const services = await Promise.all(
      ['sk_columns_nozipmap', 'sk_imputer_missing'].map(async (name, index) => [
        [`frames-${index}/service.json`, {}],
        [`frames-${index}/model.onnx`, await readFile(fixture(`${name}/model.onnx`))],
      ]),
    )
    app = await runApp(
      { onTestFinished: each => cleanUps.push(each as () => unknown) },
      Object.fromEntries(services.flat()),
    )
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('is scored in every form that pandas writes, in its order, with missing values', async test => {
    const tool = await pythonWith(source('frame-requirements.txt'))
    if ('missing' in tool) return test.skip(tool.missing)
    for (const [index, name] of ['sk_columns_nozipmap', 'sk_imputer_missing'].entries()) {
      const { inputs, python_onnxruntime } = JSON.parse(await readFile(fixture(`${name}/case.json`), 'utf8')) as Case
      const columns = Object.entries(inputs)
      const rows = columns[0]?.[1].values.map((_, row) =>
        Object.fromEntries(
          columns.map(([column, { values }]) => [column, values[row]?.[0] === 'nan' ? null : values[row]?.[0]]),
        ),
      )
      const file = join(folder, `${name}.json`)
      await writeFile(file, JSON.stringify({ rows, answers: python_onnxruntime.values[0]?.values }))
      const service = `frames-${index}`
      const uri = `${app.url}/api/v1/service/${service}/score`
      const scored = await run(tool.python, source('score_frame.py'), uri, await app.keyOf(service), file)
      assert.deepEqual([scored.stderr, scored.stdout.trim()], ['', '18'], name)
    }
  })
})
