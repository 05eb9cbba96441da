import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { findField } from '../../../src/protocols/grpc/find-field.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'

const content = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const message = new MessageWriter()
  .text(1, 'model')
  .message(2, new MessageWriter().text(1, 'x').message(2, new MessageWriter().integer(1, 1).bytes(4, content)))
  .bytes(7, content)
  .finish()

describe('findField', () => {
  it('tells how many bytes are before the content of a field, also within other messages', () => {
    for (const path of [[7], [2, 2, 4]]) {
      const start = findField(message, path) as number
      assert.deepEqual(message.subarray(start, start + 8), content)
    }
    for (const path of [[6], [2, 3], [2, 2, 5]]) assert.equal(findField(message, path), undefined)
  })

  it('finds a field of which only the beginning has come, and says nothing wrong of what is cut before', () => {
    for (let length = 0; length <= message.length; length++) {
      const head = message.subarray(0, length)
      for (const path of [[7], [2, 2, 4]]) {
        const found = findField(head, path)
        assert.ok(found === undefined || found === findField(message, path))
      }
    }
    const start = findField(message, [7]) as number
    assert.equal(findField(message.subarray(0, start + 1), [7]), start)
  })

  it('stands any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        const found = findField(bytes, [2, 2, 4])
        assert.ok(found === undefined || found <= bytes.length)
      }),
    )
  })
})
