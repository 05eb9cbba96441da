/**
 * What the Open Inference Protocol V2 tells of services, with the names of its messages: REST sends these objects as JSON, gRPC
 * encodes them. Triton's extensions "model configuration", "statistics" and "model repository" are among them.
 */
import { chooseDescribed } from '../../inference/describe-service.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { modelVersion } from '../../models/catalogue/find-model.ts'
import { findTensors, type LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { hasRowAxis, isOpen } from '../../tensor/shape.ts'
import { encodeConfigDatatype, encodeDatatype } from './datatypes.ts'

export interface ServerMetadata {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}

/** @param version  of the app with its name before it, where it is shown: `scoring-functions/1.2.3` */
export function describeServer(version: string | undefined, extensions: readonly string[]): ServerMetadata {
  return { name: 'scoring-functions', version: version?.replace(/^.*\//, '') ?? '', extensions }
}

export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  /** -1: any size. */
  readonly shape: readonly number[]
}

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

/** @param name  as the caller wrote it */
export function describeModel(service: ScoringService, report: LoadReport, name: string): ModelMetadata {
  const { inputs, outputs } = findTensors(report)
  return {
    name,
    versions: [...new Set(service.parts.map(modelVersion))],
    platform: 'onnx_onnxv1',
    inputs: inputs.map(describeTensor),
    outputs: outputs.map(describeTensor),
  }
}

function describeTensor({ name, dtype, shape }: TensorInfo): TensorMetadata {
  return { name, datatype: encodeDatatype(dtype), shape: closeShape(shape) }
}

/** The protocol has no word for any number of dimensions: one of any size stands for them. */
function closeShape(shape: TensorInfo['shape']): number[] {
  return shape?.map(size => (isOpen(size) ? -1 : (size as number))) ?? [-1]
}

export interface ConfigInput {
  readonly name: string
  /** e.g. `TYPE_FP32` */
  readonly data_type: string
  readonly format: 'FORMAT_NONE' | 'FORMAT_NHWC' | 'FORMAT_NCHW'
  readonly dims: readonly number[]
}

export type ConfigOutput = Omit<ConfigInput, 'format'>

export interface ModelConfig {
  readonly name: string
  readonly platform: string
  readonly backend: string
  /** 0: tensors have no axis of rows; else `dims` leave it out. */
  readonly max_batch_size: number
  readonly input: readonly ConfigInput[]
  readonly output: readonly ConfigOutput[]
}

/** @param name  as the caller wrote it */
export function describeConfig(service: ScoringService, report: LoadReport, name: string): ModelConfig {
  const { inputs, outputs } = findTensors(report)
  const hasRows = hasBatchAxis(report)
  const dims = ({ shape }: TensorInfo) => closeShape(shape).slice(hasRows ? 1 : 0)
  return {
    name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    max_batch_size: hasRows ? chooseDescribed(service).batching.maxRows : 0,
    input: inputs.map(input => ({
      name: input.name,
      data_type: encodeConfigDatatype(input.dtype),
      format: findFormat(dims(input)),
      dims: dims(input),
    })),
    output: outputs.map(output => ({
      name: output.name,
      data_type: encodeConfigDatatype(output.dtype),
      dims: dims(output),
    })),
  }
}

/** Whether the first axis of every tensor that goes in or comes out is open: that of the rows. */
export function hasBatchAxis(report: LoadReport): boolean {
  const { inputs, outputs } = findTensors(report)
  return inputs.length > 0 && [...inputs, ...outputs].every(({ shape }) => hasRowAxis(shape))
}

/** Of images, which clients do not send without it. */
function findFormat(dims: readonly number[]): ConfigInput['format'] {
  const isChannels = (size: number | undefined) => size === 1 || size === 3
  if (dims.length !== 3) return 'FORMAT_NONE'
  return isChannels(dims[0]) ? 'FORMAT_NCHW' : isChannels(dims[2]) ? 'FORMAT_NHWC' : 'FORMAT_NONE'
}

export interface StatisticDuration {
  readonly count: number
  /** Nanoseconds, of all together. */
  readonly ns: number
}

export interface ModelStatistics {
  readonly name: string
  readonly version: string
  /** Milliseconds since 1970; 0: there was none. */
  readonly last_inference: number
  /** Rows that ran, or requests where a request has no rows. */
  readonly inference_count: number
  /** Runs, which may hold rows of several requests. */
  readonly execution_count: number
  readonly inference_stats: {
    readonly success: StatisticDuration
    readonly fail: StatisticDuration
    readonly queue: StatisticDuration
    readonly compute_input: StatisticDuration
    readonly compute_infer: StatisticDuration
    readonly compute_output: StatisticDuration
  }
  /** Empty: runs are not counted by their size. */
  readonly batch_stats: readonly never[]
}

/** The statistics since the app started, of requests of all protocols. @param name  as the caller wrote it */
export function describeStatistics(service: ScoringService, name: string): ModelStatistics {
  const total = service.metrics?.totals
  const nothing = { count: 0, seconds: 0 }
  const duration = ({ count, seconds } = nothing) => ({ count, ns: Math.round(seconds * 1e9) })
  return {
    name,
    version: modelVersion(service),
    last_inference: total?.lastRunAt === undefined ? 0 : Math.round(performance.timeOrigin + total.lastRunAt),
    inference_count: total?.rowCount ?? 0,
    execution_count: total?.run.count ?? 0,
    inference_stats: {
      success: duration(total?.success),
      fail: duration(total?.fail),
      queue: duration(total?.queue),
      compute_input: duration(total?.decode),
      compute_infer: duration(total?.run),
      compute_output: duration(total?.encode),
    },
    batch_stats: [],
  }
}

export interface RepositoryEntry {
  readonly name: string
  readonly version: string
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE'
  readonly reason: string
}

/** Whether a service can score, as the index of models says it. */
export function describeRepositoryEntry(service: ScoringService): RepositoryEntry {
  const { name, status, isReady } = service
  const entry = { name, version: modelVersion(service) }
  if (isReady) return { ...entry, state: 'READY', reason: '' }
  if (status === 'loading') return { ...entry, state: 'LOADING', reason: '' }
  const reason = status === 'failed' ? 'could not be loaded' : 'its keys are not available'
  return { ...entry, state: 'UNAVAILABLE', reason }
}
