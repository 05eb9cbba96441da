import assert from 'node:assert/strict'
import { constants, deflateSync, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { checkKeys, checkRequest } from '../../../src/encrypted/ckks/check.ts'
import { Kernel } from '../../../src/encrypted/kernel.ts'
import { ScoringError } from '../../../src/errors.ts'
import { compress, GenuineClient, header } from '../support/genuine-client.ts'

const client = new GenuineClient(await Kernel.create(), Buffer.alloc(64, 3))
const [request] = client.encrypt([1, 2, 3]) as [string]
const requestBytes = Buffer.from(request, 'base64')
const keys = client.publicKeys()
const bomb = (bytes: number) => {
  const compressed = deflateSync(Buffer.alloc(bytes), { level: constants.Z_BEST_COMPRESSION })
  return Buffer.concat([header(1, compressed.length + 16), compressed])
}

function isRefused(error: unknown, message: RegExp): boolean {
  return error instanceof ScoringError && error.status === 400 && message.test(error.message)
}

/** A request in which these bytes of the inflated ciphertext are others. */
function changed(at: number, ...bytes: number[]): string {
  const [text] = client.encrypt([1], body => {
    body.set(bytes, at)
    return body
  })
  return text as string
}

describe('checkRequest (CKKS)', () => {
  it('accepts what the client writes, a ciphertext for each 4,096 features', () => {
    assert.equal(checkRequest([request], 4096).length, 1)
    assert.equal(checkRequest([request, request], 4097).length, 2)
  })

  it.each<[string, string, RegExp]>([
    ['text that is not base64', '%%%', /data\[0\]: it is not base64/],
    ['base64 without padding', request.replace(/=+$/, '').slice(0, -1), /not base64/],
    ['base64 in lines', `${request.slice(0, 76)}\n${request.slice(76)}`, /not base64/],
    ['a long text', 'A'.repeat(280_004), /it has 280004 characters, more than 280000/],
    ['no text', '', /it ends in the magic number/],
    [
      'SEAL 4.1',
      Buffer.from(requestBytes).fill(4, 3, 4).fill(1, 4, 5).toString('base64'),
      /SEAL version is 04 01, expected 03 05/,
    ],
    ['no compression', Buffer.from(requestBytes).fill(0, 5, 6).toString('base64'), /compression mode is 00/],
    [
      'a size that is too large',
      Buffer.from(requestBytes).fill(255, 8, 16).toString('base64'),
      /object size is .*bytes came/,
    ],
    ['a size of nothing', Buffer.from(requestBytes).fill(0, 8, 16).toString('base64'), /object size is 0/],
    [
      'bytes behind it',
      Buffer.concat([requestBytes, Buffer.alloc(3)]).toString('base64'),
      /3 bytes follow the ciphertext/,
    ],
    ['no zlib stream', Buffer.concat([header(1, 26), Buffer.alloc(10, 1)]).toString('base64'), /not a zlib stream/],
    [
      'half a zlib stream',
      Buffer.concat([header(1, 116), requestBytes.subarray(16, 116)]).toString('base64'),
      /not a zlib stream/,
    ],
    [
      'bytes behind the zlib stream',
      Buffer.concat([header(1, requestBytes.length + 2), requestBytes.subarray(16), Buffer.alloc(2)]).toString(
        'base64',
      ),
      /2 bytes follow the zlib stream/,
    ],
    ['a bomb', bomb(1e8).toString('base64'), /inflates to more than 196761 bytes/],
    ['too little', compress(Buffer.alloc(1000)).toString('base64'), /inflates to 1000 bytes, expected 196761/],
    ['other parameters', changed(0, 0), /parameter id is 00/],
    ['coefficients', changed(32, 0), /NTT form is 00, expected 01/],
    ['three polynomials', changed(33, 3), /number of polynomials is 03/],
    ['another degree', changed(42, 0x10), /degree is/],
    ['four primes', changed(49, 4), /number of primes is 04/],
    ['another scale', changed(63, 0), /scale is/],
    ['compression inside', changed(70, 1), /compression mode is 01/],
    ['another size inside', changed(73, 1), /object size is/],
    ['all words', changed(82, 0xc0), /number of words is/],
    [
      'a word that is the first prime',
      changed(89, 0x01, 0x80, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x0f),
      /word 0 is not below its prime, 1152921504606748673/,
    ],
    ['a word above the second prime', changed(89 + 8192 * 8 + 5, 1), /word 8192 is not below its prime/],
    ['a last word of ones', changed(196_697 - 8, ...Array(8).fill(255)), /word 24575 is not below its prime/],
  ])('refuses %s', (_, text, message) => {
    assert.throws(
      () => checkRequest([text], 3),
      error => isRefused(error, message),
    )
  })

  it('refuses too many and too few ciphertexts', () => {
    for (const [data, featureCount] of [
      [[], 1],
      [[request, request], 4096],
      [[request], 4097],
    ] as const)
      assert.throws(
        () => checkRequest(data, featureCount),
        error => isRefused(error, /data: it has \d ciphertexts, and \d+ features are \d/),
      )
  })

  it('refuses a request with changed bytes, or takes it as another one', () => {
    const change = fc.record({ at: fc.nat(requestBytes.length - 1), byte: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
        const copy = Buffer.from(requestBytes)
        for (const { at, byte } of changes) copy[at] = byte
        try {
          assert.equal(checkRequest([copy.toString('base64')], 3).length, 1)
        } catch (error) {
          assert.ok(isRefused(error, /data\[0\]/), `${error}`)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('checkKeys', () => {
  it('finds keys for twelve rotations', () => {
    assert.deepEqual(
      [...checkKeys(keys).keys()].sort((one, other) => one - other),
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048],
    )
  })

  const rotationsEnd = Number(keys.readBigUInt64LE(8))
  const rotations = inflateSync(keys.subarray(16, rotationsEnd))
  const withTable = (change: (bytes: Buffer) => Buffer) =>
    Buffer.concat([compress(change(Buffer.from(rotations))), keys.subarray(rotationsEnd)])
  const set =
    (at: number, ...values: number[]) =>
    (bytes: Buffer) => {
      bytes.set(values, at)
      return bytes
    }
  // Entry 0 has no parts, entry 1 has those of a rotation by one slot.
  const firstPart = 32 + 8 + 8 + 8
  it.each<[string, () => Buffer, RegExp]>([
    ['nothing', () => Buffer.alloc(0), /ends in the magic number/],
    ['too many bytes', () => Buffer.alloc(11_000_001), /11000001 bytes, more than 11000000/],
    ['only rotations', () => keys.subarray(0, rotationsEnd), /relinearisation: it ends in the magic number/],
    ['bytes behind both', () => Buffer.concat([keys, Buffer.alloc(1)]), /1 bytes follow them/],
    ['a byte less', () => keys.subarray(0, -1), /relinearisation: its object size/],
    ['a bomb', () => bomb(2e8), /inflates to more than 9508844 bytes/],
    ['other parameters', () => withTable(set(0, 0)), /parameter id is 00/],
    ['a longer table', () => withTable(set(33, 0x40)), /number of table entries/],
    ['a key for another rotation', () => withTable(set(40, 3)), /table entry 0: its number of key parts is 03/],
    ['a missing key', () => withTable(set(48, 0)), /table entry 1: its number of key parts is 00/],
    ['another size of a part', () => withTable(set(firstPart + 8, 0)), /table entry 1, part 0: its object size/],
    ['a scale', () => withTable(set(firstPart + 16 + 57, 1)), /part 0: its scale/],
    [
      'a word of ones',
      () => withTable(set(firstPart + 16 + 89, ...Array(8).fill(255))),
      /part 0: word 0 is not below its prime/,
    ],
  ])('refuses %s', (_, make, message) => {
    const blob = make()
    assert.throws(
      () => checkKeys(blob),
      error => isRefused(error, message),
    )
  })
})
