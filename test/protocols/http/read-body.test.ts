import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { readBody } from '../../../src/protocols/http/read-body.ts'
import type { WireRequest } from '../../../src/protocols/http/wire.ts'
import { ByteBudget } from '../../../src/scheduling/byte-budget.ts'
import { DecompressionLimits } from '../../../src/scheduling/concurrency-limit.ts'

const mebibyte = 2 ** 20
const limit = 4 * mebibyte

/** A request as a host of Azure gives it: its body is a stream, which may fail, or never go on. */
function requestOf(
  pieces: readonly (Uint8Array | Error | 'never')[],
  headers: Record<string, string> = {},
  more: Partial<WireRequest> = {},
): WireRequest {
  const left = [...pieces]
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await turn()
      const piece = left.shift()
      if (piece === undefined) controller.close()
      else if (piece instanceof Error) controller.error(piece)
      else if (piece === 'never') await new Promise(() => {})
      else controller.enqueue(piece)
    },
  })
  const query = new URLSearchParams()
  const whole = async () => new Response(body).arrayBuffer()
  return { method: 'POST', url: '/', headers: new Headers(headers), query, body, arrayBuffer: whole, ...more }
}

/** Fast, and small where there is nothing but one letter. */
const brotli = (bytes: Uint8Array) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })

function accountOf(budget: ByteBudget) {
  return { held: budget.open(), decompression: new DecompressionLimits() }
}

const cut = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))

describe('readBody', () => {
  it('gives the bytes that were sent, announced or not, in a buffer of their own, and holds as many', async () => {
    const sizes = [0, 1, 16_384, 16_385, 65_536, mebibyte, mebibyte + 1, limit]
    for (const size of sizes) {
      const sent = randomBytes(size)
      for (const headers of [{}, { 'content-length': String(size) }] as Record<string, string>[]) {
        const budget = new ByteBudget(limit)
        const account = accountOf(budget)
        const body = await readBody(requestOf(cut(sent, 50_000), headers), limit, account)
        assert.ok(sent.equals(body), String(size))
        assert.deepEqual([body.byteLength, body.buffer.byteLength, budget.heldBytes], [size, size, size])
      }
    }
  })

  it('unpacks what was packed, whatever its size, and holds what came out', async () => {
    const packers = { gzip: gzipSync, deflate: deflateSync, br: brotli, 'x-gzip': gzipSync }
    const bodies = [Buffer.from('x'), randomBytes(100_000), randomBytes(3 * mebibyte), Buffer.alloc(limit, 'x')]
    for (const [coding, pack] of [...Object.entries(packers), ['deflate', deflateRawSync] as const]) {
      for (const sent of bodies) {
        const budget = new ByteBudget(3 * limit)
        const request = requestOf(cut(pack(sent), 50_000), { 'content-encoding': coding })
        const body = await readBody(request, limit, accountOf(budget))
        assert.ok(sent.equals(body), coding)
        assert.deepEqual([body.buffer.byteLength, budget.heldBytes], [sent.length, sent.length])
      }
    }
  })

  it('refuses what is too large as soon as that shows', async () => {
    const bomb = gzipSync(Buffer.alloc(limit + 1))
    const over = randomBytes(limit + 1)
    for (const [pieces, headers] of [
      [[], { 'content-length': String(limit + 1) }],
      [[...cut(over, 50_000), 'never'], {}],
      [[bomb], { 'content-encoding': 'gzip' }],
      [[brotli(Buffer.alloc(10 * limit))], { 'content-encoding': 'br' }],
    ] as [Uint8Array[], Record<string, string>][]) {
      await assert.rejects(readBody(requestOf(pieces, headers), limit, accountOf(new ByteBudget(3 * limit))), {
        code: 'BODY_TOO_LARGE',
      })
    }
    await assert.rejects(
      readBody(
        requestOf([gzipSync('x'.repeat(101))], { 'content-encoding': 'gzip' }),
        100,
        accountOf(new ByteBudget(limit)),
      ),
      { code: 'BODY_TOO_LARGE' },
    )
  })

  it('refuses what finds no room: before it is read where it is announced, and as it is unpacked', async () => {
    const budget = new ByteBudget(limit)
    budget.open().resize(limit / 2)
    const refused = { code: 'QUEUE_FULL', retryAfterSeconds: 1 }
    let isRead = false
    const unread = async () => {
      isRead = true
    }
    const announced = requestOf([], { 'content-length': String(limit / 2 + 1) }, { pour: unread })
    await assert.rejects(readBody(announced, limit, accountOf(budget)), refused)
    assert.equal(isRead, false)
    const account = accountOf(budget)
    const bomb = requestOf([gzipSync(Buffer.alloc(limit))], { 'content-encoding': 'gzip' })
    await assert.rejects(readBody(bomb, limit, account), refused)
    assert.ok(account.held.bytes <= limit / 2)
    await assert.rejects(readBody(requestOf(cut(randomBytes(limit), 50_000)), limit, accountOf(budget)), refused)
  })

  it('lets go of an upload that does not go on, and waits for one that does', async () => {
    const pace = { everyMs: 2000, bytes: 100 }
    const stalled = { code: 'REQUEST_TIMEOUT' }
    const heads: Record<string, string>[] = [{}, { 'content-length': '1000' }, { 'content-length': '1000000' }]
    await Promise.all(
      heads.map(headers => {
        const request = requestOf([Buffer.alloc(90), 'never'], headers)
        return assert.rejects(readBody(request, limit, accountOf(new ByteBudget(limit)), { pace }), stalled)
      }),
    )
    const slowly = async (onPiece: (piece: Uint8Array) => void) => {
      for (let piece = 0; piece < 40; piece++) {
        await new Promise(done => setTimeout(done, 60))
        onPiece(Buffer.alloc(200))
      }
    }
    const body = await readBody(requestOf([], {}, { pour: slowly }), limit, accountOf(new ByteBudget(limit)), { pace })
    assert.equal(body.length, 8000)
  })

  it('does not unpack for who has left', async () => {
    const request = requestOf([gzipSync('x')], { 'content-encoding': 'gzip' }, { isAbandoned: true })
    await assert.rejects(readBody(request, limit, accountOf(new ByteBudget(limit))), { code: 'BODY_ABORTED' })
  })

  it('holds no more than the budget while many read and unpack, and nothing when all are answered', async () => {
    const bodies = [Buffer.alloc(100), Buffer.alloc(300_000), Buffer.alloc(1.5 * mebibyte), Buffer.alloc(limit)]
    const kind = fc.record({
      body: fc.constantFrom(...bodies),
      coding: fc.constantFrom('gzip', 'br', 'identity', 'wrong'),
      isAnnounced: fc.boolean(),
      fails: fc.boolean(),
      isAbandoned: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(kind, { minLength: 1, maxLength: 12 }), async kinds => {
        const budget = new ByteBudget(limit)
        const decompression = new DecompressionLimits()
        const codes = await Promise.all(
          kinds.map(async ({ body, coding, isAnnounced, fails, isAbandoned }) => {
            const packed = coding === 'gzip' ? gzipSync(body) : coding === 'br' ? brotli(body) : body
            const headers: Record<string, string> = { 'content-encoding': coding === 'wrong' ? 'gzip' : coding }
            if (isAnnounced) headers['content-length'] = String(packed.length)
            const pieces = fails ? [packed.subarray(0, 10), new Error('reset')] : cut(packed, 60_000)
            const held = budget.open()
            try {
              const read = await readBody(requestOf(pieces, headers, { isAbandoned }), limit, { held, decompression })
              return body.equals(read) ? 'read' : 'other bytes'
            } catch (failure) {
              return (failure as { code: string }).code
            } finally {
              // One that is alone may hold what it came in as well.
              assert.ok(budget.heldBytes <= 2 * limit)
              held.release()
            }
          }),
        )
        const expected = ['read', 'QUEUE_FULL', 'BODY_ABORTED', 'BODY_NOT_DECOMPRESSIBLE']
        for (const code of codes) assert.ok(expected.includes(code), code)
        assert.equal(budget.heldBytes, 0)
      }),
      { numRuns: 25 },
    )
  })
})
