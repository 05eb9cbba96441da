import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { MessageReader } from '../../../src/protocols/grpc/message-reader.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import { RepeatedNumbers } from '../../../src/protocols/grpc/repeated-numbers.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const show = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Reads a message that has one field. */
function only<Value>(bytes: Uint8Array, read: (reader: MessageReader) => Value): Value {
  const reader = new MessageReader(bytes, 'Test')
  assert.ok(reader.next())
  const value = read(reader)
  assert.equal(reader.next(), false)
  return value
}

function readLongs(bytes: Uint8Array, field: number): bigint[] {
  const numbers = new RepeatedNumbers('varint')
  const reader = new MessageReader(bytes, 'Test')
  while (reader.next()) {
    if (reader.field === field) reader.numbers(numbers)
    else reader.skip()
  }
  const longs = new BigInt64Array(numbers.count)
  numbers.copyLongVarints(longs)
  return [...longs]
}

const malformed = (what: RegExp) => (error: Error & { code?: string }) => {
  assert.equal(error.code, 'INPUT_INVALID')
  assert.match(error.message, /^The message is not a valid Test: it /)
  assert.match(error.message, what)
  return true
}

/** Of protobuf.dev, "Encoding", and arithmetic by hand for the widest numbers. */
const written: readonly [what: string, bytes: string, write: (message: MessageWriter) => unknown][] = [
  ['an int32 of 150', '08 9601', message => message.integer(1, 150)],
  ['a text', '12 07 74657374696e67', message => message.text(2, 'testing')],
  ['a message within a message', '1a 03 08 9601', message => message.message(3, new MessageWriter().integer(1, 150))],
  ['packed numbers', '32 06 03 8e02 9ea705', message => message.integers(6, [3, 270, 86942])],
  ['-1', '08 ffffffffffffffffff01', message => message.integer(1, -1)],
  ['the lowest int64', '08 80808080808080808001', message => message.integer(1, -(2n ** 63n))],
  ['the highest uint64', '08 ffffffffffffffffff01', message => message.integer(1, 2n ** 64n - 1n)],
  ['2^53 - 1', '08 ffffffffffffff0f', message => message.integer(1, Number.MAX_SAFE_INTEGER)],
  ['a float', '0d 0000803f', message => message.float(1, 1)],
  ['a double', '09 00000000000004c0', message => message.double(1, -2.5)],
  ['a flag', '08 01', message => message.bool(1, true)],
  ['a field with a large number', 'c03e 01', message => message.integer(1000, 1)],
  ['text beyond ASCII', '0a 05 e282ac c3a9', message => message.text(1, '€é')],
  [
    'bytes that are written in place',
    '0a 02 0708',
    message => message.content(1, 2, target => target.set(Uint8Array.of(7, 8))),
  ],
]

describe('MessageWriter', () => {
  it.each(written)('writes %s', (_, bytes, write) => {
    const message = new MessageWriter()
    write(message)
    assert.equal(show(message.finish()), bytes.replaceAll(' ', ''))
    assert.equal(message.size, hex(bytes).length)
  })

  it('leaves room before the message, in a buffer of exactly its size', () => {
    const bytes = new MessageWriter().bool(1, true).finish(5)
    assert.equal(show(bytes), '00000000000801')
    assert.equal(bytes.buffer.byteLength, 7)
  })
})

describe('MessageReader', () => {
  it('reads numbers of up to 64 bits, and the lower half of longer ones as an int32', () => {
    assert.equal(
      only(hex('08 ffffffffffffffffff01'), reader => reader.int64()),
      -1n,
    )
    assert.equal(
      only(hex('08 ffffffffffffffffff01'), reader => reader.uint64()),
      2n ** 64n - 1n,
    )
    assert.equal(
      only(hex('08 ffffffffffffffffff01'), reader => reader.int32()),
      -1,
    )
    assert.equal(
      only(hex('08 8180808010'), reader => reader.int32()),
      1,
    )
  })

  it('reads what the writer writes', () => {
    const any = fc.record({
      text: fc.string({ unit: 'grapheme' }),
      long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      longs: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      double: fc.double(),
      bytes: fc.uint8Array(),
      flag: fc.boolean(),
    })
    fc.assert(
      fc.property(any, ({ text, long, longs, double, bytes, flag }) => {
        const message = new MessageWriter().text(1, text).integer(2, long).integers(3, longs)
        const reader = new MessageReader(message.double(4, double).bytes(5, bytes).bool(6, flag).finish(), 'Test')
        const read: unknown[] = []
        while (reader.next()) {
          if (reader.field === 1) read.push(reader.text())
          else if (reader.field === 2) read.push(reader.int64())
          else if (reader.field === 4) read.push(reader.double())
          else if (reader.field === 5) read.push([...reader.bytes()])
          else if (reader.field === 6) read.push(reader.bool())
          else reader.skip()
        }
        assert.deepEqual(read, [text, long, double, [...bytes], flag])
        assert.deepEqual(readLongs(message.finish(), 3), longs)
      }),
    )
  })

  it('joins numbers that come packed, one by one, and in several parts', () => {
    assert.deepEqual(readLongs(hex('32 02 03 04  30 05  0a 01 78  32 01 06  30 ffffffffffffffffff01'), 6), [
      3n,
      4n,
      5n,
      6n,
      -1n,
    ])
    const floats = new RepeatedNumbers(4)
    const reader = new MessageReader(hex('35 0000803f 32 08 00000040 00004040 35 00008040'), 'Test')
    while (reader.next()) reader.numbers(floats)
    assert.equal(floats.count, 4)
    assert.deepEqual([...new Float32Array(floats.bytes.slice().buffer)], [1, 2, 3, 4])
  })

  it('takes packed numbers as they lie in the message, without a copy', () => {
    const bytes = hex('32 08 0000803f 00000040')
    const floats = new RepeatedNumbers(4)
    only(bytes, reader => reader.numbers(floats))
    assert.equal(floats.bytes.buffer, bytes.buffer)
  })

  it('leaves a message as it is when numbers follow packed ones', () => {
    const bytes = hex('32 01 03 0a 01 78 30 05')
    const before = show(bytes)
    assert.deepEqual(readLongs(bytes, 6), [3n, 5n])
    assert.equal(show(bytes), before)
  })

  it('passes over fields that it is not asked for, groups within groups among them', () => {
    const bytes = hex('0b 13 08 01 14 1a 01 ff 0c  20 07')
    const reader = new MessageReader(bytes, 'Test')
    assert.ok(reader.next())
    reader.skip()
    assert.ok(reader.next())
    assert.deepEqual([reader.field, reader.uint64()], [4, 7n])
  })

  it.each([
    ['a length beyond its end', '0a 05 616263', /is cut off/],
    ['a length beyond 2^32', '0a ffffffffff0f', /more bytes than a number can have/],
    ['field 0', '00 01', /number 0/],
    ['another type', '08 01', /wire type 0 in field 1, where 2 is expected/],
    ['text that is not UTF-8', '0a 02 c328', /not UTF-8 in field 1/],
  ])('refuses %s', (_, bytes, what) => {
    assert.throws(() => only(hex(bytes), reader => reader.text()), malformed(what))
  })

  it('refuses numbers that do not end', () => {
    const number = (reader: MessageReader) => reader.uint64()
    assert.throws(() => only(hex('08 ffffffffff'), number), malformed(/is cut off/))
    assert.throws(() => only(hex('08 ffffffffffffffffffff01'), number), malformed(/more bytes than a number can have/))
    assert.throws(() => only(hex('09 00000000'), reader => reader.double()), malformed(/is cut off/))
  })

  it.each([
    ['a group without an end', '0b 08 01', /does not end the group of field 1/],
    ['the end of another group', '0b 14', /ends the group of field 2 within that of field 1/],
    ['a group that ends before it begins', '0c', /wire type 4/],
    ['a wire type that there is not', '0e', /wire type 6/],
    ['101 groups within each other', '0b'.repeat(101), /more than 100 groups/],
  ])('refuses to skip %s', (_, bytes, what) => {
    assert.throws(() => only(hex(bytes), reader => reader.skip()), malformed(what))
  })

  it.each([
    ['half a number', '32 01 80', 'varint', /middle of a number/],
    ['an eleven-byte number', '32 0b ffffffffffffffffffff01', 'varint', /more bytes than a number can have/],
    ['three quarters of a float', '32 03 000000', 4, /middle of a number/],
  ] as const)('refuses packed numbers with %s', (_, bytes, width, what) => {
    assert.throws(() => only(hex(bytes), reader => reader.numbers(new RepeatedNumbers(width))), malformed(what))
  })

  it('either reads or refuses any bytes, and never reads beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        const reader = new MessageReader(bytes, 'Test')
        try {
          while (reader.next()) reader.skip()
        } catch (failure) {
          malformed(/./)(failure as Error)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses a message that is cut within a field', () => {
    const whole = new MessageWriter()
      .text(1, 'abc')
      .integer(2, 2n ** 63n)
      .bytes(3, new Uint8Array(200))
      .finish()
    const boundaries = new Set([0, 5, 16])
    for (let length = 0; length < whole.length; length++) {
      const reader = new MessageReader(whole.subarray(0, length), 'Test')
      const walk = () => {
        while (reader.next()) reader.skip()
      }
      if (boundaries.has(length)) walk()
      else assert.throws(walk, malformed(/is cut off/), `${length}`)
    }
  })
})
