import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { SelfWrites } from '../../../src/models/repository/self-writes.ts'
import type { FileChange } from '../../../src/models/repository/store-changes.ts'

const changeOf = (...paths: string[]) => new Map(paths.map(path => [path, 'changed' as FileChange]))

describe('SelfWrites', () => {
  it('ignores a file from the fourth time on that it changes while its service loads', () => {
    const writes = new SelfWrites()
    const outcomes = [false, true, true, true].map(isFromLoad => writes.observe('a', changeOf('cache.txt'), isFromLoad))
    assert.deepEqual(outcomes, [false, false, false, true])
    const files = new Map([
      ['cache.txt', '1'],
      ['score.ts', '1'],
    ])
    const services = new Map([
      ['a', files],
      ['b', files],
    ])
    const filtered = writes.filter({ services, shared: files, undefinedServices: new Set() })
    assert.deepEqual([...(filtered.services.get('a')?.keys() ?? [])], ['score.ts'])
    assert.deepEqual([...(filtered.services.get('b')?.keys() ?? [])], ['cache.txt', 'score.ts'])
    assert.equal(filtered.shared, files)
  })

  const people: [what: string, changes: [paths: string[], isFromLoad: boolean][]][] = [
    ['a script that is saved often', Array(9).fill([['score.ts'], true])],
    ['a model that is saved often', Array(9).fill([['1/model.onnx'], true])],
    ['data beside a script that is saved', Array(9).fill([['data.json', 'score.ts'], true])],
    ['data that is saved from time to time', Array(9).fill([['data.json'], false])],
    ['data that is saved in turn', Array.from({ length: 9 }, (_, turn) => [[`data-${turn % 2}.json`], true])],
  ]
  it.each(people)('does not ignore %s', (_, changes) => {
    const writes = new SelfWrites()
    for (const [paths, isFromLoad] of changes) assert.equal(writes.observe('a', changeOf(...paths), isFromLoad), false)
  })
})
