import type { Span } from '../../telemetry/tracing.ts'
import { inBufferFromBytes } from '../../workers/transport/packed-dispatch.ts'
import type { RowScorer, ScoredPiece, ScoreOptions } from '../row-scorer.ts'
import { type Calls, Moved } from './calls.ts'
import type { ScorerFunctions, SentOptions } from './functions.ts'
import { spanNumber } from './remote-tracing.ts'

/** Scores rows with the services of another thread. */
export class RemoteScorer implements RowScorer {
  readonly #calls: Calls<ScorerFunctions>

  constructor(calls: Calls<ScorerFunctions>) {
    this.#calls = calls
  }

  readonly modelDigest: RowScorer['modelDigest'] = service => this.#calls.call('modelDigest', service)

  readonly inputs: RowScorer['inputs'] = (service, signal) => this.#calls.call('inputs', service, signal)

  readonly traits: RowScorer['traits'] = (service, signal) => this.#calls.call('traits', service, signal)

  readonly rowSettings: RowScorer['rowSettings'] = service => this.#calls.call('rowSettings', service)

  readonly score: RowScorer['score'] = (service, rows, { signal, ...options }) =>
    this.#calls.call('score', { service, rows, options: withoutSpan(options) }, signal)

  readonly scoreText: RowScorer['scoreText'] = (service, text, { signal, ...options }) =>
    this.#calls.call('scoreText', { service, text, options: withoutSpan(options) }, signal)
}

function withoutSpan({ span, ...options }: Omit<ScoreOptions, 'signal'>): SentOptions {
  return { ...options, span: span && spanNumber(span) }
}

/** The same, in the thread that has the services. @param findSpan  a span by its number */
export function serveScorer(scorer: RowScorer, findSpan: (span: number) => Span | undefined): ScorerFunctions {
  const open = ({ span, ...options }: SentOptions, signal: AbortSignal): ScoreOptions => {
    const found = span === undefined ? undefined : findSpan(span)
    return { ...options, signal, ...(found && { span: found }) }
  }
  return {
    modelDigest: service => scorer.modelDigest(service),
    inputs: (service, signal) => scorer.inputs(service, signal),
    traits: (service, signal) => scorer.traits(service, signal),
    rowSettings: service => scorer.rowSettings(service),
    score: ({ service, rows, options }, signal) => scorer.score(service, rows, open(options, signal)),
    scoreText: async ({ service, text, options }, signal) => {
      const pieces = await scorer.scoreText(service, text, open(options, signal))
      return new Moved(pieces, pieces ? pieces.flatMap(linesBuffer) : [])
    },
  }
}

/** Lines that came in a buffer of their own go on in it: copies would be garbage of the thread of the callers. */
function linesBuffer({ outcome }: ScoredPiece): ArrayBuffer[] {
  const { buffer, byteLength } = 'lines' in outcome ? outcome.lines : new Uint8Array()
  return byteLength >= inBufferFromBytes && buffer instanceof ArrayBuffer ? [buffer] : []
}
