import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { ScoringService } from '../../../src/inference/scoring-service.ts'
import type { TextOfRows } from '../../../src/jobs/row-scorer.ts'
import { PieceSize } from '../../../src/jobs/score/piece-size.ts'
import { ScoringTurns } from '../../../src/jobs/score/scoring-turns.ts'
import { TextRun } from '../../../src/jobs/score/text-run.ts'
import { settle } from '../../support/virtual-clock.ts'

/** A service whose threads hold what they score until they are told to answer. */
function openService() {
  const held: { readonly text: string; readonly answer: () => void }[] = []
  const service = {
    definition: { limits: { maxBodyBytes: 1e6, timeoutMs: 30_000 } },
    hasCallers: false,
    inferInBackground: ({ details }: { details: { rows: { text: Uint8Array } } }) =>
      new Promise(resolve => {
        const timings = { decodeMs: 0, runMs: 1, encodeMs: 0, queueMs: 0 }
        const answer = () => resolve({ kind: 'bytes', body: new Uint8Array(8), timings })
        held.push({ text: Buffer.from(details.rows.text).toString(), answer })
      }),
  }
  return { service: service as unknown as ScoringService, held }
}

describe('TextRun', () => {
  it('leaves threads without work to other chunks while its last rows are scored, and ends without another turn', async () => {
    const { service, held } = openService()
    const turns = new ScoringTurns(() => 0)
    const start = (text: string) => {
      const rows = { content: Buffer.from(text), rowCount: text.length / 2, reading: { format: 'jsonl' }, firstRow: 0 }
      const options = { service, turns, size: new PieceSize(1, 1), isTimeUp: () => false }
      const run = new TextRun(rows as unknown as TextOfRows, { ...options, signal: new AbortController().signal })
      return Promise.all([run.work(), run.work()])
    }
    const first = start('1\n')
    void start('2\n3\n4\n')
    await settle()
    assert.deepEqual(
      held.map(({ text }) => text.trim()),
      ['1', '2', '3'],
    )
    held[0]?.answer()
    await first
  })
})
