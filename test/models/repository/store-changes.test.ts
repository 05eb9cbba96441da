import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { type StoreChange, StoreChanges, type StoreFiles } from '../../../src/models/repository/store-changes.ts'

type Plain = Record<string, Record<string, string>>

const filesOf = (
  services: Plain,
  shared: Record<string, string> = {},
  undefinedServices: string[] = [],
): StoreFiles => ({
  services: new Map(Object.entries(services).map(([name, files]) => [name, new Map(Object.entries(files))])),
  shared: new Map(Object.entries(shared)),
  undefinedServices: new Set(undefinedServices),
})
const known = { churn: { 'service.json': '1', 'score.ts': '1' }, iris: { 'service.json': '1' } }

describe('StoreChanges', () => {
  const sights: [what: string, seen: StoreFiles, change: StoreChange][] = [
    [
      'a changed file',
      filesOf({ ...known, churn: { 'service.json': '1', 'score.ts': '2' } }),
      { kind: 'service', name: 'churn', files: new Map([['score.ts', 'changed']]) },
    ],
    [
      'files that came and went',
      filesOf({ ...known, churn: { 'service.json': '1', '2/model.onnx': '1' } }),
      {
        kind: 'service',
        name: 'churn',
        files: new Map([
          ['2/model.onnx', 'added'],
          ['score.ts', 'removed'],
        ]),
      },
    ],
    [
      'a new service',
      filesOf({ ...known, wine: { 'service.json': '1' } }),
      { kind: 'service', name: 'wine', files: new Map([['service.json', 'added']]) },
    ],
    ['a service that is gone', filesOf({ churn: known.churn }), { kind: 'service-removed', name: 'iris' }],
    [
      'a file that services share',
      filesOf(known, { 'shared/text.ts': '1' }),
      { kind: 'shared', files: new Map([['shared/text.ts', 'added']]) },
    ],
    ['a model that lacks a definition', filesOf(known, {}, ['wine']), { kind: 'undefined-service', name: 'wine' }],
  ]
  it.each(sights)('reports %s once, when it is seen a second time', (_, seen, change) => {
    const changes = new StoreChanges(filesOf(known))
    assert.deepEqual(changes.observe(filesOf(known)), [])
    assert.deepEqual(changes.observe(seen), [])
    assert.deepEqual(changes.observe(seen), [change])
    assert.deepEqual(changes.observe(seen), [])
  })

  it('reports what has settled beside a log that is written all the time, and the log once it rests', () => {
    const changes = new StoreChanges(filesOf(known))
    const seeing = (script: string, log: number, shared: number) =>
      changes.observe(
        filesOf(
          { ...known, churn: { 'service.json': '1', 'score.ts': script, 'requests.log': `${log}` } },
          { 'app.log': `${shared}` },
        ),
      )
    let seen: StoreChange[] = []
    for (let poll = 1; poll <= 30; poll++) seen = [...seen, ...seeing('2', poll, poll)]
    assert.deepEqual(seen, [{ kind: 'service', name: 'churn', files: new Map([['score.ts', 'changed']]) }])
    assert.deepEqual(seeing('2', 30, 31), [
      { kind: 'service', name: 'churn', files: new Map([['requests.log', 'added']]) },
    ])
  })

  it.each(['1/model.onnx', '1/model.onnx.data', 'score.ts'])('waits for %s, however long it is copied', path => {
    const changes = new StoreChanges(filesOf(known))
    for (let poll = 1; poll <= 100; poll++) {
      const churn = { 'service.json': '2', 'score.ts': '1', [path]: `${poll}` }
      assert.deepEqual(changes.observe(filesOf({ ...known, churn })), [])
    }
  })

  it('waits for a file that grows, and not for those of other services', () => {
    const changes = new StoreChanges(filesOf(known))
    const growing = (version: string) => filesOf({ churn: { 'service.json': version }, iris: { 'service.json': '2' } })
    assert.deepEqual(changes.observe(growing('10')), [])
    assert.deepEqual(
      changes.observe(growing('20')).map(change => 'name' in change && change.name),
      ['iris'],
    )
    assert.deepEqual(changes.observe(growing('30')), [])
    assert.deepEqual(
      changes.observe(growing('30')).map(change => 'name' in change && change.name),
      ['churn'],
    )
  })

  it('does not report files that are left out as removed', () => {
    const changes = new StoreChanges(filesOf(known))
    const withoutScript = filesOf({ ...known, churn: { 'service.json': '1' } })
    changes.leaveOut(() => withoutScript)
    assert.deepEqual(changes.observe(withoutScript), [])
    assert.deepEqual(changes.observe(withoutScript), [])
  })

  it('reports nothing when a change was taken back before it had settled', () => {
    const changes = new StoreChanges(filesOf(known))
    assert.deepEqual(changes.observe(filesOf({})), [])
    assert.deepEqual(changes.observe(filesOf(known)), [])
    assert.deepEqual(changes.observe(filesOf(known)), [])
  })

  it('reports what leads from the files that were known to those that are there, whatever happened between', () => {
    const version = fc.constantFrom('1', '2', '3')
    const files = fc.dictionary(fc.constantFrom('service.json', 'score.ts', '1/model.onnx'), version, { minKeys: 1 })
    const store = fc.dictionary(fc.constantFrom('churn', 'iris', 'wine'), files)
    fc.assert(
      fc.property(store, fc.array(store), (first, sights) => {
        const changes = new StoreChanges(filesOf(first))
        // Each service with the files that it had when it was last reported.
        const followed = new Map(filesOf(first).services)
        const observe = (seen: StoreFiles, previous: StoreFiles | undefined) => {
          for (const change of changes.observe(seen)) {
            if (change.kind === 'shared' || change.kind === 'undefined-service') continue
            const now = seen.services.get(change.name)
            assert.deepEqual(now, previous?.services.get(change.name), 'seen twice')
            assert.notDeepEqual(now, followed.get(change.name), 'a change')
            if (change.kind === 'service-removed') followed.delete(change.name)
            else followed.set(change.name, now as Map<string, string>)
          }
        }
        const seen = sights.map(each => filesOf(each))
        for (const [index, each] of seen.entries()) observe(each, seen[index - 1])
        const last = seen.at(-1) ?? filesOf(first)
        observe(last, last)
        observe(last, last)
        assert.deepEqual(followed, last.services)
      }),
    )
  })

  it('reports no versions that a service does not serve, nor once more what it was changed for', () => {
    let served = '1/'
    const select = (_name: string, files: ReadonlyMap<string, string>) =>
      new Map([...files].filter(([path]) => !path.includes('/') || path.startsWith(served)))
    const at = (files: Record<string, string>) => filesOf({ churn: files })
    const first = { 'service.json': '1', '1/model.onnx': '1' }
    const changes = new StoreChanges(at(first))
    const observeTwice = (files: Record<string, string>) => [
      ...changes.observe(at(files), select),
      ...changes.observe(at(files), select),
    ]
    assert.deepEqual(observeTwice({ ...first, '2/model.onnx': '1' }), [])
    const second = { 'service.json': '2', '1/model.onnx': '1', '2/model.onnx': '1' }
    assert.deepEqual(observeTwice(second), [
      { kind: 'service', name: 'churn', files: new Map([['service.json', 'changed']]) },
    ])
    served = '2/'
    assert.deepEqual(observeTwice(second), [])
    assert.deepEqual(observeTwice({ ...second, '1/model.onnx': '2' }), [])
    assert.deepEqual(observeTwice({ ...second, '2/model.onnx': '2' }), [
      { kind: 'service', name: 'churn', files: new Map([['2/model.onnx', 'changed']]) },
    ])
  })
})
