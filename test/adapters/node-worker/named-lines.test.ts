import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { passOnLines } from '../../../src/adapters/node-worker/named-lines.ts'

async function passedOn(...pieces: (string | Buffer)[]): Promise<string> {
  const from = new PassThrough()
  const to = new PassThrough()
  passOnLines('iris', from, to)
  for (const piece of pieces) from.write(piece)
  from.end(() => {})
  from.on('end', () => to.end())
  return text(to)
}

describe('passOnLines', () => {
  it('puts the name of the service before every line, however the text is cut', async () => {
    assert.equal(
      await passedOn('one\ntwo', ' more\n\n', 'three'),
      '[iris] one\n[iris] two more\n[iris] \n[iris] three\n',
    )
    const euro = Buffer.from('€\n')
    assert.equal(await passedOn(euro.subarray(0, 1), euro.subarray(1)), '[iris] €\n')
  })

  it('lets no script begin a line of its own, nor move the cursor', async () => {
    assert.equal(
      await passedOn('a\r[other] ready\u2028[other] b\u001b[1A\u001b[2K[other] c\n'),
      '[iris] a\n[iris] [other] ready\n[iris] [other] b\\x1b[1A\\x1b[2K[other] c\n',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'binary' })), async pieces => {
        const lines = (await passedOn(...pieces)).split(/[\n\r\u0085\u2028\u2029]/)
        assert.equal(lines.pop(), '')
        for (const line of lines) assert.match(line, /^\[iris\] /)
      }),
    )
  })

  it('breaks a line without end', async () => {
    const lines = (await passedOn(...Array(20).fill('x'.repeat(10_000)))).split('\n')
    assert.equal(lines.length, 4)
    assert.equal(lines.join('').replaceAll('[iris] ', '').length, 200_000)
  })
})
