import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { JobLimits } from '../../../src/jobs/limits.ts'

/** A small job, and what its user does. */
export interface Scene {
  readonly name: string
  /** Blobs of the input by name. */
  readonly inputs: Readonly<Record<string, string | Uint8Array>>
  /** As over HTTP, or in a message. */
  readonly submission: Readonly<Record<string, unknown>>
  readonly origin: 'http' | 'message'
  readonly limits: Partial<JobLimits>
  /** Rows in the order of the output, as the text of their predictions; undefined: those of the run without a fault. */
  readonly predictions?: readonly string[]
  /** Blobs with the output, in order. */
  readonly outputs: readonly string[]
  readonly status: 'Completed' | 'Canceled' | 'Failed'
  readonly errorCode?: string
  /** The score during which the user cancels the job, from 1. */
  readonly cancelsAt?: number
  /** Whether the user deletes the job after its end. */
  readonly isDeleted?: boolean
  /** Whether another program removes the result of a chunk when all chunks have one. */
  readonly losesResult?: boolean
}

/** Each step is left to a message. */
const byMessages = { window: 2, chunksPerPart: 2, turnMs: 0, runOnMs: 0, aheadBytes: 0 }
/** Messages go on with later chunks, and steps with those that follow. */
const runsOn = { window: 2, chunksPerPart: 2, turnMs: 1000, runOnMs: 3000, aheadBytes: 2 ** 20 }
/** The first part of the plan is the only one: the planner scores a chunk, or all of them, itself. */
const onePart = { ...runsOn, window: 5, chunksPerPart: 16 }
const hasty = { ...runsOn, budgetMs: 0, chunkBudgetMs: 0 }

const csv = (rows: number, from = 0) => `id\n${Array.from({ length: rows }, (_, row) => `${from + row}\n`).join('')}`
const jsonl = (rows: number) => Array.from({ length: rows }, (_, row) => `${row}\n`).join('')
const predictions = (count: number) => Array.from({ length: count }, (_, row) => `[{"id":${row}}]`)

const one = (rows: number) =>
  ({
    inputs: { 'input/rows.csv': csv(rows) },
    submission: { input: { blob: 'input/rows.csv' }, output: { blob: 'output/all.jsonl' }, miniBatchSize: 2 },
    predictions: predictions(rows),
    outputs: ['output/all.jsonl'],
    origin: 'http',
    status: 'Completed',
  }) as const

const parquet = readFileSync(new URL('../../fixtures/parquet/iris-none.parquet', import.meta.url))

export const scenes: readonly Scene[] = [
  { name: 'CSV, several parts, by messages', ...one(9), limits: byMessages },
  { name: 'CSV, several parts, running on', ...one(9), limits: runsOn },
  { name: 'CSV, several parts, hasty', ...one(7), limits: hasty },
  { name: 'CSV, one part, several turns', ...one(22), limits: onePart },
  { name: 'CSV, a few chunks', ...one(5), limits: onePart },
  { name: 'CSV, a few chunks, in a message', ...one(5), limits: onePart, origin: 'message' },
  { name: 'CSV, several turns, in a message', ...one(22), limits: onePart, origin: 'message' },
  { name: 'CSV, several parts, in a message', ...one(7), limits: runsOn, origin: 'message' },
  { name: 'no rows', ...one(0), limits: runsOn },
  {
    name: 'gzip to CSV, with an event',
    ...one(7),
    inputs: { 'input/rows.jsonl.gz': gzipSync(jsonl(7)) },
    submission: {
      input: { blob: 'input/rows.jsonl.gz' },
      output: { blob: 'output/all.csv' },
      miniBatchSize: 2,
      onCompleted: { queue: 'job-events' },
    },
    predictions: ['[0]', '[1]', '[2]', '[3]', '[4]', '[5]', '[6]'],
    outputs: ['output/all.csv'],
    limits: runsOn,
  },
  {
    name: 'rows in the message, with an event',
    ...one(0),
    inputs: {},
    submission: {
      input: { rows: [[0], [1], [2]] },
      output: { blob: 'output/all.jsonl' },
      miniBatchSize: 2,
      onCompleted: { queue: 'job-events' },
    },
    predictions: ['[[0]]', '[[1]]', '[[2]]'],
    limits: onePart,
    origin: 'message',
  },
  {
    name: 'CSV to Parquet, in place of another blob',
    ...one(0),
    inputs: { 'input/rows.csv': csv(7), 'output/all.parquet': 'of yesterday' },
    submission: {
      input: { blob: 'input/rows.csv' },
      output: { blob: 'output/all.parquet', overwrite: true },
      miniBatchSize: 2,
    },
    predictions: undefined,
    outputs: ['output/all.parquet'],
    limits: runsOn,
  },
  {
    name: 'counts only',
    ...one(7),
    submission: { input: { blob: 'input/rows.csv' }, output: { action: 'summary_only' }, miniBatchSize: 2 },
    predictions: [],
    outputs: [],
    limits: runsOn,
  },
  {
    name: 'several files, one output',
    ...one(0),
    inputs: { 'input/a.csv': csv(3), 'input/b.csv': csv(0), 'input/c.csv': csv(4, 3) },
    submission: { input: { blob: 'input/*.csv' }, output: { blob: 'output/all.jsonl' }, miniBatchSize: 2 },
    predictions: predictions(7),
    limits: runsOn,
  },
  {
    name: 'several files, an output each',
    ...one(0),
    inputs: { 'input/a.csv': csv(3), 'input/b.csv': csv(4, 3) },
    submission: { input: { blob: 'input/*.csv' }, output: { blob: 'output/{name}.jsonl' }, miniBatchSize: 2 },
    predictions: predictions(7),
    outputs: ['output/a.jsonl', 'output/b.jsonl'],
    limits: byMessages,
  },
  {
    name: 'Parquet',
    ...one(0),
    inputs: { 'input/iris.parquet': parquet },
    submission: { input: { blob: 'input/iris.parquet' }, output: { blob: 'output/all.jsonl' }, miniBatchSize: 40 },
    predictions: undefined,
    limits: runsOn,
  },
  {
    name: 'results joined',
    ...one(9),
    limits: { ...runsOn, maxBlocks: 2, joinedBytes: 60 },
  },
  { name: 'a result is removed', ...one(7), limits: runsOn, losesResult: true },
  { name: 'cancelled, by messages', ...one(9), limits: byMessages, cancelsAt: 2, status: 'Canceled' },
  { name: 'cancelled, running on', ...one(9), limits: runsOn, cancelsAt: 3, status: 'Canceled' },
  { name: 'cancelled, in a message', ...one(22), limits: onePart, cancelsAt: 3, origin: 'message', status: 'Canceled' },
  { name: 'deleted', ...one(5), limits: runsOn, isDeleted: true },
  {
    name: 'too many rows fail',
    ...one(0),
    inputs: { 'input/rows.jsonl': '0\n1\n"fails"\n3\n4\n5\n' },
    submission: {
      input: { blob: 'input/rows.jsonl' },
      output: { blob: 'output/all.jsonl' },
      miniBatchSize: 2,
      errorThreshold: 0,
    },
    limits: runsOn,
    status: 'Failed',
    errorCode: 'ERROR_THRESHOLD_EXCEEDED',
  },
  {
    name: 'the input breaks off',
    ...one(0),
    inputs: { 'input/rows.jsonl.gz': gzipSync(jsonl(9)).subarray(0, 24) },
    submission: { input: { blob: 'input/rows.jsonl.gz' }, output: { blob: 'output/all.jsonl' }, miniBatchSize: 2 },
    limits: runsOn,
    status: 'Failed',
    errorCode: 'INPUT_TRUNCATED',
  },
]
