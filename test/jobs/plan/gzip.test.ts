import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { describe, it } from 'vitest'
import { plan, read } from '../inputs.ts'

const lines = Array.from({ length: 20_000 }, (_, row) => `[${row},${(row * 7919) % 10_007}]`)
const packed = gzipSync(lines.join('\n'))
const tried = { format: 'jsonl', isGzip: true, miniBatchSize: 1000 } as const

describe('planChunks of gzip', () => {
  it('reads all members of a file, wherever they are divided', async () => {
    const members = Buffer.concat([
      gzipSync('1\n2'),
      gzipSync('0\n3\n'),
      gzipSync(''),
      gzipSync('4'),
      Buffer.alloc(512),
    ])
    for (const size of [1, 7, 1000]) {
      assert.deepEqual(await read(members, { ...tried, sizes: [size] }), ['1', '20', '3', '4'])
    }
  })

  it('yields the same rows before the end of a truncated file, however it arrives', async () => {
    const cutOff = packed.subarray(0, -5000)
    const { chunks, fault } = await plan(cutOff, tried)
    assert.equal(fault?.code, 'INPUT_TRUNCATED')
    const rowCount = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
    assert.ok(rowCount > 10_000 && rowCount < 20_000, `${rowCount}`)
    const texts = chunks.map(({ content }) => Buffer.from(content ?? '').toString())
    assert.equal(texts.join('\n'), lines.slice(0, rowCount).join('\n'))
    assert.deepEqual(await plan(cutOff, { ...tried, sizes: [1000, 1, 37] }), { chunks, fault })
  })

  it('tells a damaged file from one that is not gzip', async () => {
    const damaged = Buffer.from(packed)
    damaged.fill(0x55, packed.length - 8, packed.length - 4) // CRC-32
    assert.equal((await plan(damaged, tried)).fault?.code, 'INPUT_NOT_GZIP')
    const small = gzipSync('1\n2\n')
    const flipped = Buffer.from(small)
    flipped.fill(0x55, small.length - 8, small.length - 4)
    const behind = (file: Buffer, text: string) => Buffer.concat([file, Buffer.from(text)])
    for (const [file, message] of [
      ...[damaged, flipped].map(
        file => [file, /^the gzip file is damaged: its text does not have its checksum$/] as const,
      ),
      ...[behind(packed, 'more'), behind(small, 'more')].map(
        file => [file, /^behind the end of the gzip file are/] as const,
      ),
      [Buffer.from('1\n2\n'), /^the input is not gzip$/],
    ] as const) {
      const { fault } = await plan(file, tried)
      assert.equal(fault?.code, 'INPUT_NOT_GZIP')
      assert.match(fault?.message ?? '', message)
    }
    assert.equal((await plan('', tried)).fault?.code, 'INPUT_TRUNCATED')
  })

  it('stops at the limit of decompressed text', async () => {
    const bomb = Buffer.concat([gzipSync('1\n2\n'), gzipSync(Buffer.alloc(20_000_000, ' '))])
    const { chunks, fault } = await plan(bomb, { ...tried, maxInputBytes: 5_000_000 })
    assert.equal(fault?.code, 'INPUT_TOO_LARGE')
    assert.match(fault?.message ?? '', /5000000 bytes/)
    assert.deepEqual(
      chunks.map(({ rowCount }) => rowCount),
      [2],
    )
    assert.equal((await plan('1\n2\n', { format: 'jsonl', maxInputBytes: 3 })).fault?.code, 'INPUT_TOO_LARGE')
  })

  it('stores only a mark for a row that is too large', async () => {
    const content = gzipSync(`1\n"${'x'.repeat(3_000_000)}"\n3\n${'\n'.repeat(3_000_000)}4`)
    const { chunks } = await plan(content, { ...tried, maxRowBytes: 1000 })
    assert.ok(chunks.every(chunk => (chunk.content?.length ?? 0) < 100))
    assert.deepEqual(await read(content, { ...tried, maxRowBytes: 1000 }), ['1', 'ROW_TOO_LARGE', '3', '4'])
  })
})
