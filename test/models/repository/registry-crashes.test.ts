import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { BlobRepositoryFiles } from '../../../src/adapters/azure/blob-repository-files.ts'
import { ModelRegistry } from '../../../src/models/repository/model-registry.ts'
import type { RegisteredModel } from '../../../src/models/repository/registered-models.ts'
import { gatherText } from '../../support/gather.ts'
import { MemoryBlobStore } from '../../support/memory-blob-store.ts'
import { StorageFault } from '../../support/storage-hooks.ts'

const contentOf = (index: number) => new TextEncoder().encode(`content ${index}`)
const model = (index: number) => ({ files: { 'model.onnx': contentOf(index), 'model.onnx.data': contentOf(index) } })

/** A process of its own, which ends for good at the given operation, before or after it took effect. */
function mortal(store: MemoryBlobStore, now: () => Date, diesAt: number, takesEffect: boolean) {
  let count = 0
  let isDead = false
  const dying = new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown
      if (typeof method !== 'function' || name === 'list') return method.bind(target)
      return async (...args: unknown[]) => {
        if (isDead) throw new StorageFault('dead')
        if (++count < diesAt) return method.apply(target, args)
        isDead = true
        if (takesEffect) await method.apply(target, args)
        throw new StorageFault('dead')
      }
    },
  })
  return new ModelRegistry({ files: repository(dying), now })
}

const repository = (blobs: MemoryBlobStore) =>
  new BlobRepositoryFiles({ blobs, container: 'models', prefix: '', location: 'memory' })

describe('ModelRegistry, when processes end in the middle', () => {
  it('has whole versions only, registers further ones, and cleans up a day later', async () => {
    const crash = fc.record({ diesAt: fc.integer({ min: 1, max: 8 }), takesEffect: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { minLength: 1, maxLength: 6 }), fc.boolean(), async (crashes, isAtOnce) => {
        const store = new MemoryBlobStore({ random: () => 0.99 })
        let now = new Date('2026-11-29T08:00:00Z')
        const attempts = crashes.map(({ diesAt, takesEffect }, index) => async () => {
          const registry = mortal(store, () => now, diesAt, takesEffect)
          return registry.register('churn', model(index)).catch(() => undefined)
        })
        const done: (RegisteredModel | undefined)[] = []
        if (isAtOnce) done.push(...(await Promise.all(attempts.map(attempt => attempt()))))
        else for (const attempt of attempts) done.push(await attempt())

        const registry = new ModelRegistry({ files: repository(store), now: () => now })
        const listed = await registry.list()
        for (const each of listed) {
          const texts = await Promise.all(
            ['model.onnx', 'model.onnx.data'].map(path => gatherText(registry.read(each, path))),
          )
          assert.match(texts[0]!, /^content \d$/)
          assert.equal(texts[1], texts[0]) // of one registration
        }
        for (const each of done) {
          if (each) assert.ok(listed.some(({ version }) => version === each.version))
        }
        now = new Date('2026-11-30T08:00:01Z')
        const last = await registry.register('churn', model(9))
        assert.ok(listed.every(({ version }) => version < last.version))
        const known = new Set([...listed, last].map(({ version }) => `models/churn/${version}`))
        for (const name of store.names()) assert.ok(known.has(name.split('/', 3).join('/')), name)
      }),
      { numRuns: 60 },
    )
  })
})
