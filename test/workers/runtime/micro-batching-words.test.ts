import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import type { ServiceSpec } from '../../../src/models/repository/service-spec.ts'
import type { RowSharing } from '../../../src/scripts/row-sharing.ts'
import { describeMicroBatching } from '../../../src/workers/runtime/micro-batching-words.ts'

interface Situation {
  readonly batching?: object
  readonly script?: true
  readonly sharing: RowSharing
  readonly difference?: number
}

const shared: RowSharing = { kind: 'shared' }
const alone = (why?: string): RowSharing => ({ kind: 'alone', why })

function describeIn({ batching = {}, script, sharing, difference }: Situation) {
  const spec: ServiceSpec = {
    service: 'sut',
    definition: ServiceDefinition.parse({ batching }),
    models: [],
    version: undefined,
    versions: [],
    definitionDigest: '',
    folder: '',
    modelDir: '',
    entryScript: script && 'score.ts',
    stages: undefined,
    sample: undefined,
  }
  return describeMicroBatching(spec, { sharing, difference, sessions: [] })
}

describe('describeMicroBatching', () => {
  const situations: [string, Situation, sentence: string, note: string][] = [
    [
      'names the proof',
      { sharing: shared, difference: 0 },
      'micro-batching is on: the graph shows that each answer depends on its own row alone',
      'none',
    ],
    [
      'says how much digits differ, and what prevents it',
      { sharing: shared, difference: 1.1920929e-7 },
      'micro-batching is on: the graph shows that each answer depends on its own row alone; scoring rows together changes the last digits (by up to 1.2e-7 of the largest value); "batching": {"exact": true} prevents it',
      'micro-batching is on: scoring rows together changes the last digits (by up to 1.2e-7 of the largest value); "batching": {"exact": true} prevents it',
    ],
    [
      'says that exact runs were compared',
      { batching: { exact: true }, sharing: shared, difference: 0 },
      'micro-batching is on: the graph shows that each answer depends on its own row alone; all trial runs of several rows returned the same bits',
      'none',
    ],
    [
      "names the owner's declaration",
      { batching: { rowsAreIndependent: true }, script: true, sharing: shared },
      'micro-batching is on: batching.rowsAreIndependent says that each answer depends on its own row alone',
      'none',
    ],
    [
      'names the reason against it',
      { sharing: alone('the ReduceMean that gives "mean" reduces over the axis of the rows') },
      'micro-batching is off: the ReduceMean that gives "mean" reduces over the axis of the rows',
      'the sentence',
    ],
    [
      'names the setting: rowsAreIndependent',
      { batching: { rowsAreIndependent: false }, sharing: alone() },
      'micro-batching is off: batching.rowsAreIndependent is false',
      'none',
    ],
    [
      'names the setting: maxRows',
      { batching: { maxRows: 1 }, sharing: alone() },
      'micro-batching is off: batching.maxRows is 1',
      'none',
    ],
    [
      'names the script that has no rows',
      { script: true, sharing: alone() },
      'micro-batching is off: the script reads each request as a whole',
      'none',
    ],
  ]
  it.each(situations)('%s', (_, situation, sentence, note) => {
    const notes = note === 'none' ? [] : [note === 'the sentence' ? sentence : note]
    assert.deepEqual(describeIn(situation), { sentence, notes })
  })
})
