/** Jobs by chance, with all that they have to give. */
import { type ChaosFile, type ChaosInput, type ChaosRow, makeInput } from './chaos-input.ts'
import type { Dice } from './dice.ts'
import type { KnownRow, ServiceName } from './rows.ts'

/** A blob that a job writes. */
export interface ChaosOutput {
  readonly blob: string
  readonly format: 'jsonl' | 'csv' | 'parquet'
  readonly hasId: boolean
  /** Whether each row names its file. */
  readonly hasFile: boolean
  readonly rows: readonly OutputRow[]
}

export interface OutputRow extends Pick<ChaosRow, 'expected' | 'id'> {
  /** In its file. */
  readonly index: number
  readonly file: string
}

export interface ChaosJob {
  readonly jobId: string
  readonly service: ServiceName
  readonly files: readonly ChaosFile[]
  readonly isInline: boolean
  readonly hasSeveralFiles: boolean
  readonly submission: Readonly<Record<string, unknown>>
  readonly errorThreshold: number
  readonly outputs: readonly ChaosOutput[]
  /** How it is submitted: over HTTP, there perhaps with its file, or as a message, as clients of Azure write them. */
  readonly by: 'http' | 'upload' | 'plain message' | 'base64 message'
  /** Where the event of its end goes. */
  readonly event: 'queue' | 'url' | undefined
  /** What else happens to it, some milliseconds after its submission. */
  readonly mishap: Mishap | undefined
  readonly mishapAfterMs: number
  /** Whether it is deleted when it has ended, and its messages and its submission come once more. */
  readonly isDeleted: boolean
}

/** `duplicates`: messages of ours come twice, or for chunks that are far away. */
export type Mishap = 'cancel' | 'delete early' | 'input changes' | 'output appears' | 'duplicates' | 'submitted twice'
const mishaps: readonly Mishap[] = [
  ...(['cancel', 'delete early', 'input changes', 'output appears'] as const),
  ...(['duplicates', 'duplicates', 'submitted twice'] as const),
]

export interface JobMaker {
  /** Rows of `diabetes` with what they score. */
  readonly known: readonly KnownRow[]
  /** Address that takes events; undefined: there is none. */
  readonly eventUrl: string | undefined
}

export function makeJob(dice: Dice, jobId: string, { known, eventUrl }: JobMaker): ChaosJob {
  const service = dice.chance(0.6) ? 'sum' : 'diabetes'
  const input = makeInput(dice, { jobId, service }, known)
  const { outputs, member } = makeOutputs(dice, `${service}/${jobId}`, jobId, input)
  const failures = countFailures({ outputs })
  const errorThreshold = dice.chance(0.2) ? Math.max(0, failures + dice.from(-2, 2)) : -1
  const event = dice.oneOf([undefined, undefined, 'queue', eventUrl === undefined ? 'queue' : 'url'] as const)
  const { miniBatchSize } = input
  const by = dice.oneOf(['http', input.kind === 'one' ? 'upload' : 'http', 'plain message', 'base64 message'] as const)
  // A query may be a secret, and messages have none.
  const url = `${eventUrl}${isMessage(by) ? '' : '?sig=secret'}`
  const onCompleted = event === 'queue' ? { queue: 'job-events' } : { url }
  return {
    jobId,
    service,
    files: input.files,
    isInline: input.kind === 'inline',
    hasSeveralFiles: input.kind === 'several',
    submission: {
      ...{ jobId, service, input: input.member, output: member, errorThreshold },
      ...(miniBatchSize !== undefined && { miniBatchSize }),
      // Scripts that throw are run again, after a pause for each chunk.
      ...(failures > 3 && { maxRetries: 1 }),
      ...(event && { onCompleted }),
    },
    ...{ errorThreshold, outputs, by, event },
    mishap: dice.chance(0.45) ? dice.oneOf(mishaps) : undefined,
    mishapAfterMs: dice.from(0, 2500),
    isDeleted: dice.chance(0.4),
  }
}

/** Whether the submission is a message in a queue. */
export function isMessage(by: ChaosJob['by']): boolean {
  return by === 'plain message' || by === 'base64 message'
}

export function countRows({ outputs }: Pick<ChaosJob, 'outputs'>): number {
  return outputs.reduce((sum, { rows }) => sum + rows.length, 0)
}

/** Rows without a prediction. */
export function countFailures({ outputs }: Pick<ChaosJob, 'outputs'>): number {
  return outputs.flatMap(({ rows }) => rows).filter(({ expected }) => 'code' in expected).length
}

function makeOutputs(
  dice: Dice,
  folder: string,
  jobId: string,
  { form, kind, files }: ChaosInput,
): { readonly outputs: ChaosOutput[]; readonly member: Record<string, unknown> } {
  const format = dice.oneOf(['jsonl', 'jsonl', 'csv', 'parquet'] as const)
  const isGzip = format !== 'parquet' && dice.chance(0.25)
  const extension = `${format}${isGzip ? '.gz' : ''}`
  const hasId = form.hasId && dice.chance(0.8)
  const include = hasId ? { include: ['id'] } : {}
  const rows = files.map(file => file.rows.map(({ expected, id }, index) => ({ expected, id, index, file: file.blob })))
  if (kind === 'several' && dice.chance(0.5)) {
    const outputs = files.map(({ name }, at) => {
      const blob = `output/${jobId}/${name}.${extension}`
      return { blob, format, hasId, hasFile: false, rows: rows[at] ?? [] }
    })
    return { outputs, member: { blob: `output/${jobId}/{name}.${extension}`, ...include } }
  }
  const isOwnName = dice.chance(0.6)
  const blob = isOwnName ? `output/${jobId}.${extension}` : `jobs/${folder}/predictions.${extension}`
  const outputs = [{ blob, format, hasId, hasFile: kind === 'several', rows: rows.flat() }]
  return { outputs, member: { ...(isOwnName ? { blob } : { format, ...(isGzip && { isGzip }) }), ...include } }
}
