import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { type ErrorCode, ScoringError, statusOf } from '../../../src/errors.ts'
import { encodeFailure, encodeMessage, findGrpcStatus, grpcStatus } from '../../../src/protocols/grpc/status.ts'

describe('findGrpcStatus', () => {
  it('gives every code the status that guide/errors.md says', () => {
    const rows = readFileSync('guide/errors.md', 'utf8').matchAll(/^\| `([A-Z_]+)` \((\d+)\) \| (.*) \|$/gm)
    const byCode = new Map<string, number>()
    const byHttpStatus = new Map<number, number>()
    for (const [, name = '', number, what = ''] of rows) {
      assert.equal(grpcStatus[name as keyof typeof grpcStatus], Number(number))
      for (const [, code = ''] of what.matchAll(/`([A-Z_]+)`/g)) byCode.set(code, Number(number))
      for (const [status] of what.matchAll(/\b\d{3}\b/g)) byHttpStatus.set(Number(status), Number(number))
    }
    for (const [code, status] of Object.entries(statusOf))
      assert.equal(findGrpcStatus(code as ErrorCode), byCode.get(code) ?? byHttpStatus.get(status), code)
  })
})

describe('encodeFailure', () => {
  it('has status, message and code, and says when to try again where that helps', () => {
    assert.deepEqual(encodeFailure(new ScoringError('INPUT_MISSING', 'no "x": 100 %')), {
      'grpc-status': '3',
      'grpc-message': 'no "x": 100 %25',
      'x-scoring-error-code': 'INPUT_MISSING',
    })
    const busy = encodeFailure(new ScoringError('QUEUE_FULL', 'busy', { retryAfterSeconds: 2 }))
    assert.equal(busy['grpc-status'], '8')
    assert.equal(busy['grpc-retry-pushback-ms'], '2000')
    assert.equal(encodeFailure(new ScoringError('SERVICE_LOADING', 'loading'))['grpc-retry-pushback-ms'], '1000')
  })
})

describe('encodeMessage', () => {
  it.each([
    ['plain ~ text', 'plain ~ text'],
    ['100 %', '100 %25'],
    ['two\nlines', 'two%0Alines'],
    ['größer', 'gr%C3%B6%C3%9Fer'],
    ['\u{1f600}', '%F0%9F%98%80'],
  ])('encodes %j', (message, encoded) => {
    assert.equal(encodeMessage(message), encoded)
    assert.equal(decodeURIComponent(encoded), message)
  })

  it('cuts a long message between characters', () => {
    const encoded = encodeMessage('é'.repeat(2000))
    assert.ok(encoded.length <= 2048)
    assert.match(decodeURIComponent(encoded), /^é+$/)
  })
})
