import type { ScoringService } from '../../inference/scoring-service.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { readRowLines } from '../columns/row-lines.ts'
import { PackedColumns } from '../formats/packed-columns.ts'
import type { ScoredPiece, TextOfRows } from '../row-scorer.ts'
import { inferPatiently } from './infer-patiently.ts'
import { PackedCutter } from './packed-cutter.ts'
import type { PieceSize } from './piece-size.ts'
import { nameRows } from './request-name.ts'
import type { RunOptions } from './scoring-run.ts'
import type { ScoringTurns } from './scoring-turns.ts'
import { TextCutter, type TextPiece } from './text-cutter.ts'

/** Most bytes of a piece of several rows. */
const maxPieceBytes = 512 * 1024
/** The same of packed columns, whose text would be so long at most. */
const maxPackedBytes = 2 * 1024 ** 2
const nothing = new Uint8Array()

/** @returns the line of the file in which a piece of a text begins; undefined: it is not known */
export function pieceLine({ firstLine }: TextOfRows, { startLine }: TextPiece): number | undefined {
  return firstLine === undefined ? undefined : firstLine + startLine
}

export interface TextRunOptions extends Pick<RunOptions, 'signal' | 'isTimeUp' | 'span' | 'origin'> {
  readonly service: ScoringService
  readonly size: PieceSize
  /** Of the service. */
  readonly turns: ScoringTurns
}

/** Scores the rows of a text. Several loops (`work`) send pieces of it until none are left, or the time is up. */
export class TextRun {
  /** Pieces that were scored. */
  readonly scored: ScoredPiece[] = []
  /** Pieces that failed as a whole: a row of theirs has to be found, or their rows go to requests of their own. */
  readonly failed: TextPiece[] = []
  readonly #text: TextOfRows
  readonly #options: TextRunOptions
  readonly #cutter: Pick<TextCutter, 'take' | 'isAtEnd'>
  readonly #maxPieceBytes: number
  /** Aborted when no loop takes a piece any more. */
  readonly #takesNoMore = new AbortController()
  readonly #needsTurn: AbortSignal
  /** A row of so many bytes is surely small enough for the body of a request. */
  readonly #maxRowBytes: number

  constructor(text: TextOfRows, options: TextRunOptions) {
    this.#text = text
    this.#options = options
    const { columns = [] } = text.reading
    // As JSON, an escaped character takes six bytes.
    const nameBytes = columns.reduce((sum, name) => sum + 6 * name.length + 8, 100)
    this.#maxRowBytes = Math.floor((options.service.definition.limits.maxBodyBytes - nameBytes) / 6)
    this.#needsTurn = AbortSignal.any([options.signal, this.#takesNoMore.signal])
    const { content, isPacked, rowCount, reading } = text
    this.#cutter = isPacked ? new PackedCutter(PackedColumns.open(content)) : new TextCutter(content, rowCount, reading)
    this.#maxPieceBytes = Math.min(isPacked ? maxPackedBytes : maxPieceBytes, this.#maxRowBytes)
  }

  async work(): Promise<void> {
    const { size, isTimeUp, turns } = this.#options
    while (this.scored.length + this.failed.length === 0 || !isTimeUp()) {
      await turns.wait(this, this.#needsTurn)
      const piece = this.#cutter.take(size.rows, this.#maxPieceBytes)
      if (this.#cutter.isAtEnd) this.#leaveTurns()
      if (!piece) return
      await this.#score(piece)
    }
    this.#leaveTurns()
  }

  /** The last pieces may take long on some of the threads, and others score for other chunks meanwhile. */
  #leaveTurns(): void {
    this.#takesNoMore.abort()
    this.#options.turns.leave(this)
  }

  async #score(piece: TextPiece): Promise<void> {
    const { service, size } = this.#options
    const { from, rowCount } = piece
    const bytes = piece.end - piece.start
    // A row that is too large for a request is refused as over HTTP.
    if (bytes > this.#maxRowBytes) return void this.failed.push(piece)
    const answer = await inferPatiently(service, () => this.#request(piece), this.#options)
    if (answer.kind !== 'bytes') {
      if (answer.kind === 'failure' && answer.code === 'SCORING_TIMEOUT')
        size.adapt(rowCount, { bytes, ms: service.definition.limits.timeoutMs, queueMs: 0, hasCallers: false })
      this.failed.push(piece)
      return
    }
    const { decodeMs, runMs, encodeMs, queueMs } = answer.timings
    size.adapt(rowCount, { bytes, ms: decodeMs + runMs + encodeMs, queueMs, hasCallers: service.hasCallers })
    this.scored.push({ from, rowCount, outcome: readRowLines(answer) })
  }

  #request(piece: TextPiece): InferenceRequest {
    const { content, isPacked, firstRow, reading, form } = this.#text
    const { start, end, from, rowCount } = piece
    // A thread finds rows of packed columns by their indexes.
    const part = isPacked ? { text: content, from } : { text: content.subarray(start, end) }
    const firstLine = pieceLine(this.#text, piece)
    const details = { rows: { ...reading, ...part, rowCount, firstRow: firstRow + from, firstLine, form } }
    const { origin } = this.#options
    const id = origin && nameRows(origin, from, from + rowCount)
    return { codec: 'rows', body: nothing, contentType: undefined, id, details }
  }
}
