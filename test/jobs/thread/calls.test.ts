import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, it } from 'vitest'
import { ScoringError } from '../../../src/errors.ts'
import { StorageError } from '../../../src/jobs/blob-store.ts'
import { JobFailure, JobStopped } from '../../../src/jobs/failure.ts'
import { Calls, Moved } from '../../../src/jobs/thread/calls.ts'

type Theirs = {
  half(number: number): Promise<number>
  fail(failure: string): Promise<void>
  wait(name: string, signal: AbortSignal): Promise<void>
  fill(bytes: Uint8Array): void
  move(bytes: Uint8Array): Moved<Uint8Array>
  say(word: string): void
}

const failures: Record<string, unknown> = {
  scoring: new ScoringError('SERVICE_UNAVAILABLE', 'not now', { retryAfterSeconds: 7 }),
  job: new JobFailure('MODEL_CHANGED', 'another model'),
  storage: new StorageError('the blob "a" could not be read', 'ServerBusy'),
  other: new RangeError('too far'),
  text: 'thrown as it is',
}

describe('Calls', () => {
  const said: string[] = []
  let kept: Uint8Array = new Uint8Array()
  const waiting = new Map<string, () => void>()
  const theirs: Theirs = {
    half: async number => {
      for (let turn = 0; turn < number % 4; turn++) await nextTurn()
      return number / 2
    },
    fail: async failure => {
      throw failures[failure]
    },
    wait: (name, signal) =>
      new Promise((_, reject) => {
        said.push(`${name} waits`)
        signal.addEventListener('abort', () => {
          said.push(`${name} is to stop`)
          waiting.set(name, () => reject(signal.reason))
        })
      }),
    fill: bytes => void bytes.fill(9),
    move: bytes => {
      kept = bytes
      return new Moved(bytes, [bytes.buffer as ArrayBuffer])
    },
    say: word => void said.push(word),
  }
  const ports: MessageChannel[] = []

  function connect(): Calls<Theirs> {
    const channel = new MessageChannel()
    ports.push(channel)
    new Calls(channel.port2, () => theirs, { keepsAlive: true })
    return new Calls<Theirs>(channel.port1, () => ({}), { keepsAlive: false })
  }

  afterEach(() => {
    for (const { port1 } of ports.splice(0)) port1.close()
    said.length = 0
  })

  it('gives each caller the answer to its own call, in whatever order they come', async () => {
    const calls = connect()
    const numbers = Array.from({ length: 100 }, (_, index) => index)
    assert.deepEqual(
      await Promise.all(numbers.map(number => calls.call('half', number))),
      numbers.map(number => number / 2),
    )
  })

  it.each(['scoring', 'job', 'storage'])('throws a failure of its own class here too: %s', async kind => {
    const thrown = await connect()
      .call('fail', kind)
      .catch(failure => failure)
    const original = failures[kind] as Error
    assert.ok(thrown instanceof (original.constructor as typeof Error))
    assert.equal(thrown.message, original.message)
    assert.deepEqual({ ...thrown }, { ...original })
  })

  it('keeps name, message and stack of other failures', async () => {
    const thrown = await connect()
      .call('fail', 'other')
      .catch(failure => failure)
    const { name, message, stack } = failures.other as Error
    assert.deepEqual([thrown.name, thrown.message, thrown.stack], [name, message, stack])
    await assert.rejects(connect().call('fail', 'text'), /^Error: thrown as it is$/)
  })

  it('throws the reason of the signal, and not before the function has ended', async () => {
    const calls = connect()
    const controller = new AbortController()
    let thrown: unknown
    const call = calls.call('wait', 'it', controller.signal).catch(failure => {
      thrown = failure
    })
    await calls.call('half', 2)
    controller.abort(new JobStopped('the job was cancelled'))
    await calls.call('half', 2)
    assert.deepEqual([thrown, said], [undefined, ['it waits', 'it is to stop']])
    waiting.get('it')?.()
    await call
    assert.ok(thrown instanceof JobStopped)
    await assert.rejects(calls.call('half', 1, controller.signal), JobStopped)
  })

  it('hands over memory that threads share, and copies what they do not', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3))
    const own = new Uint8Array(3)
    const calls = connect()
    await calls.call('fill', shared)
    await calls.call('fill', own)
    assert.deepEqual(
      [[...shared], [...own]],
      [
        [9, 9, 9],
        [0, 0, 0],
      ],
    )
  })

  it('moves the buffers that a function says', async () => {
    const bytes = Uint8Array.of(1, 2)
    assert.deepEqual(await connect().call('move', bytes), bytes)
    assert.equal(kept.byteLength, 0) // its memory is here now
  })

  it('keeps notes and calls in order', async () => {
    const calls = connect()
    calls.tell('say', 'one')
    const second = calls.call('say', 'two')
    calls.tell('say', 'three')
    await second
    await calls.call('half', 0)
    assert.deepEqual(said, ['one', 'two', 'three'])
  })

  it('hears what the other side has said before its end, and nothing behind that', async () => {
    const channel = new MessageChannel()
    ports.push(channel)
    const here = new Calls(channel.port1, () => theirs, { keepsAlive: false })
    const there = new Calls<Theirs>(channel.port2, () => ({}), { keepsAlive: false })
    there.tell('say', 'last words')
    here.end(new Error('the thread has ended'))
    assert.deepEqual(said, ['last words'])
    there.tell('say', 'words of a ghost')
    for (let turn = 0; turn < 9; turn++) await nextTurn()
    assert.deepEqual(said, ['last words'])
  })

  it('takes an answer that was sent before the end of the other side', async () => {
    const channel = new MessageChannel()
    ports.push(channel)
    const here = new Calls<Theirs>(channel.port1, () => ({}), { keepsAlive: false })
    channel.port2.once('message', ({ id }) => {
      channel.port2.postMessage({ type: 'result', id, value: 21 })
      here.end(new Error('the thread has ended'))
    })
    assert.equal(await here.call('half', 42), 21)
  })

  it('throws why the other side has ended, in open and later calls', async () => {
    const calls = connect()
    const open = calls.call('wait', 'it')
    const isIdle = calls.idle()
    const why = new Error('the thread has ended')
    calls.end(why)
    await assert.rejects(open, why)
    await isIdle
    await assert.rejects(calls.call('half', 2), why)
  })
})
