import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, it } from 'vitest'
import { writeModel } from '../../support/onnx-writer.ts'
import { serve } from '../../support/scoring-scheduler.ts'

describe('the load report', () => {
  it('notes runs that more threads share than there are processors', async test => {
    const intraOpThreads = availableParallelism() + 1
    const model = writeModel({
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      inputs: [['x', 'float32', ['rows', 2]]],
      outputs: [['y', 'float32', ['rows', 2]]],
    })
    const { report } = await serve(test, {
      'sut/service.json': { accelerator: { intraOpThreads } },
      'sut/model.onnx': model,
    })
    const note = new RegExp(`^accelerator.intraOpThreads is ${intraOpThreads}, but the process may use \\d+ of the`)
    assert.ok(
      report.notes.some(text => note.test(text)),
      String(report.notes),
    )
  })
})
