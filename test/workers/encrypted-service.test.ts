import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { openServiceAlone } from '../../src/compose/service-alone.ts'
import { writeModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

/** A linear model: MatMul, and whatever comes behind it. */
function linear(classCount: number, featureCount: number, weight: number, behind?: string): Buffer {
  const values = Array.from({ length: classCount * featureCount }, (_, at) => weight * (1 + (at % 3)))
  return writeModel({
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: [behind ? 'z' : 'y'] },
      ...(behind ? [{ op: behind, inputs: ['z'], outputs: ['y'] }] : []),
    ],
    constants: [{ name: 'w', dtype: 'float32', shape: [featureCount, classCount], values }],
    inputs: [['x', 'float32', ['batch', featureCount]]],
    outputs: [['y', 'float32', ['batch', classCount]]],
  })
}

describe('loadService: encrypted', () => {
  const load = async (test: { onTestFinished(work: () => unknown): void }, encrypted: unknown, model: Buffer) => {
    const root = await makeServices({ 'linear/service.json': { encrypted }, 'linear/model.onnx': model }, test as never)
    const alone = await openServiceAlone(join(root, 'linear'), { log: () => {} })
    test.onTestFinished(() => alone.stop())
    return alone
  }

  it('publishes both modes where the largest feature is known', async test => {
    const { report } = await load(test, { maxFeature: 10 }, linear(3, 5, 0.5))
    const { original, fast, ...sizes } = report.encrypted ?? assert.fail('nothing is published')
    assert.deepEqual(sizes, { featureCount: 5, classCount: 3 })
    assert.equal(original?.ciphertextCount, 1)
    assert.ok(fast)
  })

  it('leaves the fast mode out where it is not, and says so', async test => {
    const { report } = await load(test, true, linear(3, 5, 0.5, 'Softmax'))
    assert.equal(report.encrypted?.fast, null)
    assert.match(
      report.notes.join(),
      /the fast mode of encrypted inference is off: service.json does not say "maxFeature"/,
    )
  })

  it('leaves the original mode out where its replies would be too many', async test => {
    const { report } = await load(test, { maxFeature: 1 }, linear(129, 2, 0.5))
    assert.equal(report.encrypted?.original, null)
    assert.match(report.notes.join(), /the model has 129 classes, and replies to encrypted-inference have up to 128/)
  })

  it.each<[string, unknown, Buffer, RegExp]>([
    [
      'is not linear',
      true,
      linear(2, 3, 1, 'Relu'),
      /"encrypted" takes a linear model, and model "linear" is not known to be one: it has the operator Relu/,
    ],
    ['has scores beyond any scale', { maxFeature: 1e30 }, linear(2, 3, 1), /"encrypted" is not possible: .*1e\+30/],
  ])('refuses a model that %s', async (_, encrypted, model, message) => {
    const cleanUps: (() => unknown)[] = []
    const test = { onTestFinished: (work: () => unknown) => void cleanUps.push(work) }
    await assert.rejects(load(test, encrypted, model), { name: 'ServiceLoadError', message })
    for (const cleanUp of cleanUps) await cleanUp()
  })

  it('is not read by services without it', async () => {
    // The kernel begins with this, and each worker would have to read it.
    const kernel = 'AGFzbQE'
    for (const bundle of ['functions', 'scoring-thread', 'encrypted-requests'])
      assert.ok(!(await readFile(`dist/${bundle}.cjs`, 'utf8')).includes(kernel), bundle)
    assert.ok((await readFile('dist/encrypted-scorer.cjs', 'utf8')).includes(kernel))
  })
})
