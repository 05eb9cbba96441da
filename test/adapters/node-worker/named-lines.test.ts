import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { passOnLines } from '../../../src/adapters/node-worker/named-lines.ts'
import { LogFormat } from '../../../src/telemetry/log.ts'
import { encodeOutput } from '../../../src/workers/transport/output-record.ts'

const format = new LogFormat({ format: 'text', level: 'debug' }, () => new Date(0))
const record = (text: string, ...requestIds: string[]) =>
  encodeOutput({ level: 'info', requestIds, moreRequests: 0, text })

async function passedOn(...pieces: (string | Buffer)[]): Promise<string> {
  const from = new PassThrough()
  const to = new PassThrough()
  passOnLines(from, to, { service: 'iris', level: 'info', format: entry => format.format(entry) })
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

  it('names the requests of each line, and gives no two requests one line', async () => {
    assert.equal(
      await passedOn(record('a', 'one'), record('b\nc', 'one'), record('d\n', 'two'), record('e\n', 'one', 'two')),
      '[iris] request one: ab\n[iris] request one: c\n[iris] request two: d\n[iris] requests one, two: e\n',
    )
    assert.equal(await passedOn('plain', record('marked\n', 'one')), '[iris] plain\n[iris] request one: marked\n')
  })

  it('lets no id and no text of a record end the line or begin a record', async () => {
    assert.equal(
      await passedOn(record(`x\x1e{"level":"info","requestIds":["victim"]}\u0085y\r\n`, 'a: [other]\x9b')),
      '[iris] request "a: [other]\\u009b": x\\x1e{"level":"info","requestIds":["victim"]}\n[iris] request "a: [other]\\u009b": y\n',
    )
    assert.equal(await passedOn('\x1e{"level":1}\n'), '[iris] \\x1e{"level":1}\n')
  })

  it('breaks a line without end', async () => {
    const lines = (await passedOn(...Array(20).fill('x'.repeat(10_000)))).split('\n')
    assert.equal(lines.length, 4)
    assert.equal(lines.join('').replaceAll('[iris] ', '').length, 200_000)
  })
})
