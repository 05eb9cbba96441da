import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { predictionParts } from '../../src/jobs/line-form.ts'
import type { TensorInfo } from '../../src/models/session/model-session.ts'

const label: TensorInfo = { name: 'label', dtype: 'int64', shape: ['n'] }
const probabilities: TensorInfo = { name: 'probabilities', dtype: 'float32', shape: ['n', 3] }
const columnsOf = (outputs: readonly TensorInfo[] | undefined, chosen?: readonly string[]) =>
  predictionParts(outputs, chosen).flatMap(({ columns }) => columns)

describe('predictionParts', () => {
  it('calls a single value prediction, and numbers the values of a vector', () => {
    assert.deepEqual(columnsOf([label]), ['prediction'])
    assert.deepEqual(columnsOf([{ ...probabilities, shape: ['n', 1] }]), ['prediction'])
    assert.deepEqual(columnsOf([probabilities]), ['prediction_0', 'prediction_1', 'prediction_2'])
    assert.deepEqual(columnsOf([{ ...probabilities, shape: [-1, 2, 2] }]), [
      ...['prediction_0_0', 'prediction_0_1', 'prediction_1_0', 'prediction_1_1'],
    ])
  })

  it('uses the names of several outputs, and of classes', () => {
    const all = ['label', 'probabilities_0', 'probabilities_1', 'probabilities_2']
    assert.deepEqual(columnsOf([label, probabilities]), all)
    const classes = ['setosa', 'versicolor', 'virginica']
    assert.deepEqual(
      columnsOf([{ ...probabilities, classes }]),
      classes.map(name => `prediction_${name}`),
    )
    const list = (at: number): TensorInfo => ({ ...probabilities, name: `p[${at}]`, shape: ['n', 2], list: 'p' })
    assert.deepEqual(columnsOf([label, list(0), list(1)]), ['label', 'p_0_0', 'p_0_1', 'p_1_0', 'p_1_1'])
  })

  it('keeps a value in one column whose size is open or large, or that a script returns', () => {
    for (const shape of [['n', 'k'], ['n', 3, 224, 224], undefined])
      assert.deepEqual(predictionParts([{ ...probabilities, shape }], undefined), [
        { columns: ['prediction'], isWhole: true },
      ])
    assert.deepEqual(predictionParts(undefined, undefined), [{ columns: ['prediction'], isWhole: true }])
    assert.deepEqual(predictionParts(undefined, ['score']), [{ member: 'score', columns: ['score'], isWhole: true }])
  })

  it('chooses outputs in the order that is asked for', () => {
    const chosen = ['probabilities_0', 'probabilities_1', 'probabilities_2', 'label']
    assert.deepEqual(columnsOf([label, probabilities], ['probabilities', 'label']), chosen)
    assert.deepEqual(columnsOf([label], ['label']), ['label'])
  })

  it('refuses outputs that are not there, and columns of one name', () => {
    const code = 'OUTPUT_COLUMNS_UNFIT'
    const unknown = 'output.columns: the service has no output "x"; it has "label", "probabilities"'
    assert.throws(() => columnsOf([label, probabilities], ['x']), { code, message: unknown })
    for (const [chosen, name] of [
      [['index'], 'index'],
      [['a', 'error_code'], 'error_code'],
    ] as const)
      assert.throws(() => columnsOf(undefined, chosen), {
        code,
        message: new RegExp(`two columns are named "${name}"`),
      })
    assert.throws(() => columnsOf([probabilities, { ...label, name: 'probabilities_1' }]), { code })
  })
})
