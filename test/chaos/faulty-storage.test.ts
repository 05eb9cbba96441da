import assert from 'node:assert/strict'
import { QueueServiceClient } from '@azure/storage-queue'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Storage } from '../../src/adapters/azure/open-storage.ts'
import { connectStorage } from '../../src/adapters/azure/storage.ts'
import type { BlobReference, BlobStore } from '../../src/jobs/blob-store.ts'
import { StorageError } from '../../src/jobs/blob-store.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { type FaultyStorage, faultKinds, startFaultyStorage } from './faulty-storage.ts'

const blockId = (name: string) => Buffer.from(name.padEnd(8, '_')).toString('base64')

describe('storageCall, with a faulty storage', () => {
  const cleanUps: (() => unknown)[] = []
  let faulty: FaultyStorage
  /** Through the faults, and past them. */
  let app: Storage
  let truth: BlobStore
  let owner: QueueServiceClient
  let count = 0
  const fresh = (): BlobReference => ({ container: 'faults', path: `blob-${++count}` })
  const textOf = async (reference: BlobReference) => {
    const whole = await truth.readWhole(reference)
    return whole && Buffer.from(whole.content).toString()
  }
  const read = async (reference: BlobReference, etag: string) => {
    const pieces: Uint8Array[] = []
    for await (const piece of app.blobs.read(reference, etag)) pieces.push(piece)
    return Buffer.concat(pieces).toString()
  }

  beforeAll(async () => {
    const connectionString = await startStorage({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    faulty = await startFaultyStorage(connectionString, 1)
    cleanUps.push(() => faulty.stop())
    const callOptions = { deadlineMs: 20_000, retryDelayMs: 1 }
    app = await connectStorage({ connectionString: faulty.connectionString }, callOptions)
    truth = (await connectStorage({ connectionString })).blobs
    owner = QueueServiceClient.fromConnectionString(connectionString)
    await truth.create({ container: 'faults', path: 'first' }, '')
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('retries when the storage is busy or a connection breaks', async () => {
    for (const fault of ['busy', 'throttled', 'reset-before', 'late'] as const) {
      const reference = fresh()
      faulty.next(fault)
      assert.ok(await app.blobs.create(reference, fault))
      assert.equal(await textOf(reference), fault)
    }
  })

  it('knows the effect of a call whose connection broke for its own, and does not undo it', async () => {
    for (const fault of ['reset-after', 'timed-out-after', 'truncated'] as const) {
      const reference = fresh()
      faulty.next(fault)
      const etag = await app.blobs.create(reference, fault, { rows: '7' })
      assert.equal(await textOf(reference), fault)
      const head = (await truth.head(reference))!
      assert.deepEqual([head.metadata, head.etag], [{ rows: '7' }, etag])
      faulty.next(fault)
      const replaced = await app.blobs.replace(reference, 'replaced', head.etag)
      assert.equal(replaced, (await truth.head(reference))?.etag)
      assert.equal(await textOf(reference), 'replaced')
      faulty.next(fault)
      await app.blobs.remove(reference)
      assert.equal(await textOf(reference), undefined)
      await app.blobs.stageBlock(reference, blockId('a'), Buffer.from(fault))
      faulty.next(fault)
      assert.equal(await app.blobs.commitBlocks(reference, [blockId('a')], {}), 'exists')
      assert.equal(await textOf(reference), fault)
    }
  })

  it('resumes a read where it broke off', async () => {
    const reference = fresh()
    const text = Array.from({ length: 40_000 }, (_, line) => `line ${line}\n`).join('')
    await truth.create(reference, text)
    const { etag } = (await truth.head(reference))!
    faulty.next('truncated', 'truncated', 'reset-after', 'truncated', 'busy')
    assert.equal(await read(reference, etag), text)
    faulty.next('truncated', 'truncated')
    assert.equal(Buffer.from((await app.blobs.readWhole(reference))!.content).toString(), text)
  })

  it('resumes a read only with the same version', async () => {
    const reference = fresh()
    await truth.create(reference, 'old'.repeat(100_000))
    const { etag } = (await truth.head(reference))!
    faulty.next('truncated')
    const pieces = app.blobs.read(reference, etag)[Symbol.asyncIterator]()
    await pieces.next()
    await truth.replace(reference, 'new'.repeat(100_000), etag)
    const rest = async () => {
      while (!(await pieces.next()).done);
    }
    await assert.rejects(rest(), { name: 'BlobChanged' })
  })

  it('fails after five refusals, and names them', async () => {
    const reference = fresh()
    faulty.next('busy', 'busy', 'busy', 'busy', 'busy')
    await assert.rejects(app.blobs.create(reference, 'x'), {
      name: 'StorageError',
      code: 'ServerBusy',
      message: `could not create the blob ${reference.container}/${reference.path}: status 503, ServerBusy`,
    })
    faulty.next('throttled', 'throttled', 'throttled', 'throttled', 'throttled')
    await assert.rejects(app.queues.send('split', { jobId: 'a' }), {
      code: 'TooManyRequests',
      message: 'could not send a message to the queue scoring-job-split: status 429, TooManyRequests',
    })
    assert.equal(await textOf(reference), undefined)
  })

  it('sends every message at least once', async () => {
    faulty.setRate(0.2)
    const sent = Array.from({ length: 40 }, (_, chunk) => chunk)
    const outcomes = await Promise.allSettled(sent.map(chunk => app.queues.send('chunk', { jobId: 'a', chunk })))
    faulty.setRate(0)
    const received = new Set<number>()
    const queue = owner.getQueueClient('scoring-job-chunk')
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 600 })
      if (receivedMessageItems.length === 0) break
      for (const { messageText } of receivedMessageItems) received.add(JSON.parse(messageText).chunk)
    }
    for (const chunk of sent) assert.ok(received.has(chunk) || outcomes[chunk]!.status === 'rejected', `chunk ${chunk}`)
  })

  it('fulfils the port under random faults', async () => {
    faulty.setRate(
      0.2,
      faultKinds.filter(kind => kind !== 'late'),
    )
    const before = faulty.faultCount
    const plain = fc.constantFrom('create', 'replace', 'remove', 'head', 'read', 'readWhole', 'list')
    // Azurite does not create where blocks are staged.
    const ofBlocks = fc.constantFrom('stage', 'commit', 'remove', 'head', 'read', 'list')
    const sequences = fc.oneof(...[plain, ofBlocks].map(kinds => fc.array(kinds, { minLength: 8, maxLength: 12 })))
    let given = 0
    let failed = 0
    await fc.assert(
      fc.asyncProperty(sequences, async operations => {
        const reference = fresh()
        for (const kind of operations) {
          if (await keepsPromise(kind, reference)) given++
          else failed++
        }
      }),
      { numRuns: 12, seed: 7 },
    )
    faulty.setRate(0)
    assert.ok(faulty.faultCount - before > 15, `${faulty.faultCount - before} faults`)
    assert.ok(given > 10 * failed, `${given} answers, ${failed} failures`)
  })

  /** No other process writes the blob, so its possible states follow from the state before the call. @returns whether there was an answer */
  async function keepsPromise(kind: string, reference: BlobReference): Promise<boolean> {
    const old = await truth.readWhole(reference)
    const [oldText, etag] = [await textOf(reference), old?.etag ?? '"0x8D0000000000000"']
    const mine = `${kind} ${++count} ${'.'.repeat(2000)}`
    let answer: unknown
    try {
      if (kind === 'create') answer = await app.blobs.create(reference, mine)
      if (kind === 'replace') answer = await app.blobs.replace(reference, mine, etag)
      if (kind === 'remove') answer = await app.blobs.remove(reference)
      if (kind === 'stage') answer = await app.blobs.stageBlock(reference, blockId('b'), Buffer.from(mine))
      if (kind === 'commit') {
        await app.blobs.stageBlock(reference, blockId('b'), Buffer.from(mine))
        answer = await app.blobs.commitBlocks(reference, [blockId('b')], {})
      }
      if (kind === 'head') answer = (await app.blobs.head(reference))?.etag
      if (kind === 'read') answer = await read(reference, etag).catch(giveName)
      if (kind === 'readWhole') answer = (await app.blobs.readWhole(reference))?.content.toString()
      if (kind === 'list') {
        answer = []
        for await (const { path } of app.blobs.list(reference.container, reference.path))
          (answer as string[]).push(path)
      }
    } catch (error) {
      assert.ok(error instanceof StorageError, String(error))
      answer = error
    }
    const text = await textOf(reference)
    const [isAsBefore, isMine] = [text === oldText, text === mine]
    const hasFailed = answer instanceof StorageError
    if (kind === 'create') {
      const allowed = oldText === undefined ? isMine || (hasFailed && isAsBefore) : isAsBefore && answer !== true
      assert.ok(allowed, `create gave ${answer}`)
    } else if (kind === 'replace') {
      const allowed = oldText === undefined ? isAsBefore && answer !== true : isMine || (hasFailed && isAsBefore)
      assert.ok(allowed, `replace gave ${answer}`)
    } else if (kind === 'remove') assert.ok(text === undefined || (hasFailed && isAsBefore), `remove gave ${answer}`)
    else if (kind === 'commit') {
      const allowed = oldText === undefined ? isMine || (hasFailed && isAsBefore) : isAsBefore && answer !== 'committed'
      assert.ok(allowed, `commit gave ${answer}`)
    } else {
      assert.ok(isAsBefore)
      const expected = new Map<string, unknown>([
        ['stage', undefined],
        ['head', old?.etag],
        ['read', oldText ?? 'BlobGone'],
        ['readWhole', oldText],
        ['list', old ? [reference.path] : []],
      ])
      if (!hasFailed) assert.deepEqual(answer, expected.get(kind))
    }
    return !hasFailed
  }
})

/** A failure of the storage is one, another version or none is an answer. */
function giveName(error: Error): string {
  if (error instanceof StorageError) throw error
  return error.name
}
