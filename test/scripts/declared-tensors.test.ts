import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { type LoadedService, loadService } from '../../src/testing/load-service.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { makeServices } from '../support/service-folder.ts'

/** Loads a service that tells the age in months, and whether the plan is the basic one. */
async function load(test: Cleaner, input: string, definition: object = {}): Promise<LoadedService> {
  const script = `
    import { Tensor, tensor } from 'scoring-functions'
    export const input = ${input}
    export function init() {}
    export function run({ age, plan }) {
      return { months: age.toList().flat().map(years => years * 12), isBasic: plan.toList().flat().map(name => name === 'basic') }
    }
  `
  const files = { 'plans/service.json': { entryScript: 'score.mjs', ...definition }, 'plans/score.mjs': script }
  const service = await loadService(join(await makeServices(files, test), 'plans'), { log: () => {} })
  test.onTestFinished(() => service.stop())
  return service
}

const columns = "{ age: tensor([[20]], 'float32'), plan: tensor([['plus']], 'string') }"

describe('readDeclaredTensors', () => {
  it.for([
    [
      'records',
      {
        data: [
          { age: 22, plan: 'basic' },
          { plan: 'pro', age: 30 },
        ],
      },
    ],
    ['columns', { data: { age: [22, 30], plan: ['basic', 'pro'] } }],
    [
      'lists',
      {
        data: [
          [22, 'basic'],
          [30, 'pro'],
        ],
      },
    ],
    [
      'split',
      {
        columns: ['plan', 'age'],
        data: [
          ['basic', 22],
          ['pro', 30],
        ],
      },
    ],
    ['parameters of Azure Machine Learning', { age: [[22], [30]], plan: [['basic'], ['pro']] }],
  ] as const)('gives run a tensor for each column of %s', async ([, body], test) => {
    const service = await load(test, columns)
    assert.deepEqual(await service.score(body), { months: [264, 360], isBasic: [true, false] })
  })

  it('reads a missing number as NaN', async test => {
    const service = await load(test, columns)
    const answer = await service.score('{"data": [{"age": NaN, "plan": "basic"}, {"age": null, "plan": "pro"}]}')
    assert.deepEqual(answer, { months: [null, null], isBasic: [true, false] })
  })

  it.for([
    [[{ age: 'old', plan: 'basic' }], 'input "age"[0]: expected a number (float32), got a string'],
    [[{ age: 22 }], 'row 0 lacks "plan"; the model takes "age", "plan"'],
    [
      [{ age: 22, plan: null }],
      'input "plan"[0]: expected a string, got null; only floating-point values can be missing',
    ],
  ] as const)('refuses %j', async ([data, message], test) => {
    const service = await load(test, columns)
    await assert.rejects(service.score({ data }), { status: 400, message })
  })

  it('describes the columns, and shows the samples as the example', async test => {
    const service = await load(test, columns)
    assert.deepEqual(service.inputs, [
      { name: 'age', dtype: 'float32', shape: ['rows', 1] },
      { name: 'plan', dtype: 'string', shape: ['rows', 1] },
    ])
  })

  it('passes the columns of a first stage without run on, by name', async test => {
    const first = `import { tensor } from 'scoring-functions'\nexport const input = ${columns}`
    const files = {
      'plans/service.json': { stages: [{ script: 'columns.mjs' }, { script: 'older.mjs' }] },
      'plans/columns.mjs': first,
      'plans/older.mjs': 'export const run = ({ age, plan }) => [age.toList(), plan.toList()]',
    }
    const service = await loadService(join(await makeServices(files, test), 'plans'), { log: () => {} })
    test.onTestFinished(() => service.stop())
    assert.deepEqual(await service.score({ data: [{ plan: 'pro', age: 30 }] }), [[[30]], [['pro']]])
  })

  it('takes the columns of other content types from decode', async test => {
    const decode = `({ bytes }) => {
      const [age, plan] = new TextDecoder().decode(bytes).split(' ')
      return { age: Tensor.from('float32', [[Number(age)]]), plan: Tensor.from('string', [[plan]]) }
    }`
    const service = await load(
      test,
      `${columns}; export const accepts = ['text/x-plan']; export const decode = ${decode}`,
    )
    const answer = await service.score('30 basic', { contentType: 'text/x-plan' })
    assert.deepEqual(answer, { months: [360], isBasic: [true] })
    await assert.rejects(load(test, `${columns}; export const decode = ${decode}`), /must also export accepts/)
  })

  it('cuts large requests into slices where rows are declared to be independent', async test => {
    const service = await load(test, columns, { batching: { rowsAreIndependent: true, maxRows: 2 } })
    assert.ok(!service.notes.some(note => note.startsWith('micro-batching is off')), service.notes.join())
    const data = { age: [1, 2, 3, 4, 5], plan: ['basic', 'pro', 'basic', 'pro', 'basic'] }
    assert.deepEqual(await service.score({ data }), {
      months: [12, 24, 36, 48, 60],
      isBasic: [true, false, true, false, true],
    })
  })

  it.for([
    ["{ age: tensor([[20], [30]]), plan: tensor([['plus']], 'string') }", /"age" has 2 rows, "plan" has 1; give each/],
    [
      "{ age: tensor([[20]]), plan: 'string' }",
      /input must be a zod schema or tensor\(\.\.\.\), or an object of tensor/,
    ],
    ['{}', /input must be a zod schema or tensor/],
  ] as const)('rejects %s', async ([input, message], test) => {
    await assert.rejects(load(test, input), message)
  })
})
