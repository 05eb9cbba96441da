import fc from 'fast-check'
import type { JobSpec } from '../../../src/jobs/spec.ts'

/** The effect of scoring a row: a prediction, a failure, the end of the process; or the row cannot be read. */
export const rowKinds = ['ok', 'fails', 'poison', 'broken'] as const
export type RowKind = (typeof rowKinds)[number]

/** A job and what happens to it. All other choices are drawn from `seed`. */
export interface Scenario {
  readonly seed: number
  readonly rows: readonly RowKind[]
  readonly inputFormat: 'jsonl' | 'csv'
  readonly outputFormat: JobSpec['output']['format']
  /** Several files that share the rows; undefined: one input. */
  readonly files: { readonly count: number; readonly isPerFile: boolean } | undefined
  readonly miniBatchSize: number
  readonly errorThreshold: number
  readonly window: number
  readonly chunksPerPart: number
  /** Results of more chunks than this are joined. */
  readonly maxBlocks: number
  /** Whether steps continue in a new message after each unit of work. */
  readonly isHasty: boolean
  /** Whether a message goes on with further chunks, and a step with the steps that follow. */
  readonly hasTurns: boolean
  readonly runsOn: boolean
  /** Text of chunks that is kept, and text of chunks whose results are, in bytes. */
  readonly keptBytes: number
  readonly aheadBytes: number
  /** Without it, no message is lost. */
  readonly hasSweeper: boolean
  readonly processCount: number
  readonly maxDequeueCount: number
  /** Numbers of faults of storage and scorer, of kills, and of lost or duplicated messages. */
  readonly faults: number
  readonly kills: number
  readonly mishaps: number
  /** Probability that a call fails while faults are left; half of it, that its process dies. */
  readonly rate: number
  /** Turns in which faults happen. */
  readonly turns: number
  /** Calls that faults and kills hit: any, or only scoring. */
  readonly aim: 'anywhere' | 'scoring'
  /** The turn of each action; undefined for never. */
  readonly cancelAt: number | undefined
  readonly changeInputAt: number | undefined
  readonly intruder: { readonly at: number; readonly leavesAt: number | undefined } | undefined
  readonly dropBlocksAt: number | undefined
}

const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const turn = fc.nat({ max: 250 })

export const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    seed: fc.nat(),
    rows: fc.array(
      fc.oneof(
        { weight: 12, arbitrary: fc.constant<RowKind>('ok') },
        { weight: 2, arbitrary: fc.constant<RowKind>('fails') },
        { weight: 1, arbitrary: fc.constant<RowKind>('poison') },
        { weight: 1, arbitrary: fc.constant<RowKind>('broken') },
      ),
      { maxLength: 12 },
    ),
    inputFormat: fc.constantFrom('jsonl' as const, 'csv' as const),
    outputFormat: fc.constantFrom('jsonl' as const, 'csv' as const),
    files: fc.option(fc.record({ count: fc.integer({ min: 1, max: 4 }), isPerFile: fc.boolean() }), { freq: 2 }),
    miniBatchSize: fc.integer({ min: 1, max: 4 }),
    errorThreshold: fc.constantFrom(-1, -1, -1, 0, 1, 2),
    window: fc.integer({ min: 1, max: 3 }),
    wider: fc.integer({ min: 0, max: 1 }),
    maxBlocks: fc.constantFrom(2, 50_000, 50_000),
    isHasty: fc.boolean(),
    hasTurns: fc.boolean(),
    runsOn: fc.boolean(),
    keptBytes: fc.constantFrom(2 ** 20, 2 ** 20, 0, 40),
    aheadBytes: fc.constantFrom(2 ** 20, 2 ** 20, 0, 20, 60),
    hasSweeper: fc.boolean(),
    processCount: fc.integer({ min: 1, max: 3 }),
    maxDequeueCount: fc.integer({ min: 3, max: 5 }),
    faults: fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: 40 })),
    kills: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 15 })),
    mishaps: fc.nat({ max: 6 }),
    rate: fc.constantFrom(0.03, 0.06, 0.2),
    turns: fc.nat({ max: 400 }),
    aim: fc.constantFrom('anywhere' as const, 'anywhere' as const, 'scoring' as const),
    cancelAt: rarely(turn),
    changeInputAt: rarely(turn),
    intruder: rarely(fc.record({ at: turn, leavesAt: fc.option(turn, { nil: undefined }) })),
    dropBlocksAt: rarely(turn),
  })
  .map(({ wider, files, ...scenario }) => ({
    ...scenario,
    ...(!scenario.hasSweeper && { rows: scenario.rows.filter(kind => kind !== 'poison') }),
    files: files ?? undefined,
    chunksPerPart: scenario.window + wider,
  }))

/** The rows of each file. Some have none. */
export function filesOf({ rows, files }: Scenario): RowKind[][] {
  const count = files?.count ?? 1
  return Array.from({ length: count }, (_, file) =>
    rows.filter((_, index) => Math.floor((index * count) / rows.length) === file),
  )
}

/** Where a row is scored: its chunk, and its place in it. */
export function placeOf(scenario: Scenario, index: number): { readonly chunk: number; readonly row: number } {
  let [chunk, row] = [0, index]
  for (const { length } of filesOf(scenario)) {
    if (row < length) break
    row -= length
    chunk += Math.ceil(length / scenario.miniBatchSize)
  }
  return { chunk: chunk + Math.floor(row / scenario.miniBatchSize), row: row % scenario.miniBatchSize }
}
