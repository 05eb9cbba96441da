/** What V2 tells of services, as the messages of gRPC (Triton, grpc_service.proto and model_config.proto). */
import { MessageWriter } from '../grpc/message-writer.ts'
import { configDatatypes } from './datatypes.ts'
import type {
  ConfigInput,
  ConfigOutput,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
  RepositoryEntry,
  ServerMetadata,
  StatisticDuration,
  TensorMetadata,
} from './model-description.ts'

/** `ServerMetadataResponse` */
export function encodeServer({ name, version, extensions }: ServerMetadata): MessageWriter {
  const message = new MessageWriter().text(1, name).text(2, version)
  for (const extension of extensions) message.text(3, extension)
  return message
}

/** `ModelMetadataResponse` */
export function encodeModel({ name, versions, platform, inputs, outputs }: ModelMetadata): MessageWriter {
  const message = new MessageWriter().text(1, name)
  for (const version of versions) message.text(2, version)
  message.text(3, platform)
  for (const input of inputs) message.message(4, encodeTensor(input))
  for (const output of outputs) message.message(5, encodeTensor(output))
  return message
}

function encodeTensor({ name, datatype, shape }: TensorMetadata): MessageWriter {
  return new MessageWriter().text(1, name).text(2, datatype).integers(3, shape)
}

/** `ModelConfig` */
export function encodeConfig({ name, platform, backend, max_batch_size, input, output }: ModelConfig): MessageWriter {
  const message = new MessageWriter().text(1, name).text(2, platform).integer(4, max_batch_size)
  for (const each of input) message.message(5, encodeConfigInput(each))
  for (const each of output) message.message(6, encodeConfigOutput(each))
  return message.text(17, backend)
}

const formats = ['FORMAT_NONE', 'FORMAT_NHWC', 'FORMAT_NCHW']

function encodeConfigInput({ name, data_type, format, dims }: ConfigInput): MessageWriter {
  const message = new MessageWriter().text(1, name).integer(2, configDatatypes.indexOf(data_type))
  return message.integer(3, formats.indexOf(format)).integers(4, dims)
}

function encodeConfigOutput({ name, data_type, dims }: ConfigOutput): MessageWriter {
  return new MessageWriter().text(1, name).integer(2, configDatatypes.indexOf(data_type)).integers(3, dims)
}

/** `ModelStatistics` */
export function encodeStatistics({ name, version, ...counted }: ModelStatistics): MessageWriter {
  const { last_inference, inference_count, execution_count, inference_stats } = counted
  const { success, fail, queue, compute_input, compute_infer, compute_output } = inference_stats
  const durations = new MessageWriter()
  for (const [index, duration] of [success, fail, queue, compute_input, compute_infer, compute_output].entries())
    durations.message(index + 1, encodeDuration(duration))
  return new MessageWriter()
    .text(1, name)
    .text(2, version)
    .integer(3, last_inference)
    .integer(4, inference_count)
    .integer(5, execution_count)
    .message(6, durations)
}

function encodeDuration({ count, ns }: StatisticDuration): MessageWriter {
  return new MessageWriter().integer(1, count).integer(2, ns)
}

/** `RepositoryIndexResponse.ModelIndex` */
export function encodeRepositoryEntry({ name, version, state, reason }: RepositoryEntry): MessageWriter {
  return new MessageWriter().text(1, name).text(2, version).text(3, state).text(4, reason)
}
