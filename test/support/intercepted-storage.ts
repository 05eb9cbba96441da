/** Doubles of the storage whose calls go through a function of the test, one page or blob at a time. */
import type { BlobReference, BlobStore, ListedBlob } from '../../src/jobs/blob-store.ts'
import { jobQueues } from '../../src/jobs/job-queues.ts'
import type { MessageQueues } from '../../src/jobs/message-queues.ts'

/**
 * Performs a call, or does something else in its place.
 *
 * @param name  method of the port
 * @param target  `<container>/<path>`; `<queue>/<chunk>` of a message
 */
export type Intercept = <T>(name: string, target: string, effect: () => Promise<T>) => Promise<T>

const nameOf = (reference: object) =>
  'url' in reference
    ? String(reference.url)
    : `${(reference as BlobReference).container}/${(reference as BlobReference).path}`

/** @param nextPageSize  blobs on the next page of a list: later pages include what was written meanwhile */
export function interceptedStore(store: BlobStore, call: Intercept, nextPageSize: () => number): BlobStore {
  const on = (name: string, reference: object, effect: () => Promise<unknown>) =>
    call(name, nameOf(reference), effect) as Promise<never>
  return {
    now: () => store.now(),
    head: reference => on('head', reference, () => store.head(reference)),
    readWhole: reference => on('readWhole', reference, () => store.readWhole(reference)),
    create: (reference, content, metadata) => on('create', reference, () => store.create(reference, content, metadata)),
    replace: (reference, content, etag, metadata) =>
      on('replace', reference, () => store.replace(reference, content, etag, metadata)),
    remove: reference => on('remove', reference, () => store.remove(reference)),
    stageBlock: (reference, id, content) => on('stageBlock', reference, () => store.stageBlock(reference, id, content)),
    commitBlocks: (reference, ids, metadata, replacedEtag) =>
      on('commitBlocks', reference, () => store.commitBlocks(reference, ids, metadata, replacedEtag)),
    async *read(reference, etag, range) {
      yield* await call('read', nameOf(reference), async () => {
        const all: Uint8Array[] = []
        for await (const piece of store.read(reference, etag, range)) all.push(piece)
        return all
      })
    },
    async *list(container, prefix) {
      let last = ''
      for (;;) {
        const size = nextPageSize()
        const page = await call('list', `${container}/${prefix}`, async () => {
          const found: ListedBlob[] = []
          for await (const blob of store.list(container, prefix)) {
            if (blob.path > last && found.push(blob) === size) break
          }
          return found
        })
        yield* page
        if (page.length < size) return
        last = page.at(-1)?.path as string
      }
    },
  }
}

export function interceptedQueues(queues: MessageQueues, call: Intercept): MessageQueues {
  return {
    send: (queue, message, delaySeconds) =>
      call('send', `${jobQueues[queue]}/${message.chunk}`, () => queues.send(queue, message, delaySeconds)),
    hold: async (queue, message, seconds) => {
      const target = jobQueues[queue]
      const held = await call('hold', target, () => queues.hold(queue, message, seconds))
      return {
        prolong: more => call('prolong', target, () => held.prolong(more)),
        release: () => call('release', target, () => held.release()),
      }
    },
    sendBack: (text, delaySeconds) => call('sendBack', jobQueues.submit, () => queues.sendBack(text, delaySeconds)),
    sendEvent: (queueName, text) => call('sendEvent', queueName, () => queues.sendEvent(queueName, text)),
  }
}
