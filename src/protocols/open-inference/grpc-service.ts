/** `inference.GRPCInferenceService`, the Open Inference Protocol V2 over gRPC with the methods that Triton adds. */
import { ScoringError, showName } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { ReadyWhen, ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import { MessageWriter } from '../grpc/message-writer.ts'
import {
  type GrpcCall,
  type GrpcMethod,
  type GrpcService,
  isSameModel,
  type NamedModel,
  type UnaryMethod,
} from '../grpc/method.ts'
import { findVisibleServices } from '../http/authorized-services.ts'
import {
  encodeConfig,
  encodeModel,
  encodeRepositoryEntry,
  encodeServer,
  encodeStatistics,
} from './description-messages.ts'
import { readNamedModel, readRequestId } from './infer-message.ts'
import { invalidInput } from './invalid-input.ts'
import {
  describeConfig,
  describeModel,
  describeRepositoryEntry,
  describeServer,
  describeStatistics,
} from './model-description.ts'

/** What the service is answered from. */
export interface OpenInferenceGrpcSource {
  readonly catalogue: ServiceCatalogue
  readonly readyWhen: ReadyWhen
  readonly serverVersion: string | undefined
}

/** Extensions of Triton that are there. */
const extensions = ['classification', 'statistics', 'model_configuration', 'model_repository']

const scored = {
  codec: 'open-inference-grpc',
  protocol: 'open-inference-grpc',
  readModel: readNamedModel,
  tensorField: [7], // raw_input_contents
} as const

/** `inference.GRPCInferenceService`, the methods of V2 over gRPC. */
export function openInferenceService(source: OpenInferenceGrpcSource): GrpcService {
  const { catalogue, readyWhen, serverVersion } = source
  return {
    name: 'inference.GRPCInferenceService',
    methods: {
      ServerLive: unary(() => new MessageWriter().bool(1, true)),
      ServerReady: unary(() => new MessageWriter().bool(1, catalogue.isReady(readyWhen))),
      ServerMetadata: unary(() => encodeServer(describeServer(serverVersion, extensions))),
      ModelReady: unary(answerModelReady),
      ModelMetadata: unary(answerModelMetadata),
      ModelConfig: unary(answerModelConfig),
      ModelStatistics: unary((message, call) => answerModelStatistics(message, call, catalogue)),
      RepositoryIndex: unary((message, call) => answerRepositoryIndex(message, call, catalogue)),
      ModelInfer: { kind: 'score', ...scored },
      ModelStreamInfer: { kind: 'score-stream', ...scored, encodeFailure: encodeStreamFailure },
      ...refusedMethods(),
    },
  }
}

function unary(answer: UnaryMethod['answer']): UnaryMethod {
  return { kind: 'unary', answer }
}

/** Without a key, as Azure ML tells anybody whether a service is healthy. An unknown model is not ready, as with Triton. */
function answerModelReady(message: Uint8Array, call: GrpcCall): MessageWriter {
  let isReady = false
  try {
    isReady = findService(call, readModel(message, 'ModelReadyRequest')).isReady
  } catch (failure) {
    if (!(failure instanceof ScoringError) || failure.code !== 'SERVICE_UNKNOWN') throw failure
  }
  return new MessageWriter().bool(1, isReady)
}

async function answerModelMetadata(message: Uint8Array, call: GrpcCall): Promise<MessageWriter> {
  const named = readModel(message, 'ModelMetadataRequest')
  const service = findService(call, named)
  await call.authorize(service)
  return encodeModel(describeModel(service, await service.waitUntilLoaded(undefined), named.name || service.name))
}

async function answerModelConfig(message: Uint8Array, call: GrpcCall): Promise<MessageWriter> {
  const named = readModel(message, 'ModelConfigRequest')
  const service = findService(call, named)
  await call.authorize(service)
  const config = describeConfig(service, await service.waitUntilLoaded(undefined), named.name || service.name)
  return new MessageWriter().message(1, encodeConfig(config))
}

/** Of all models that the caller may see when the request names none. */
async function answerModelStatistics(
  message: Uint8Array,
  call: GrpcCall,
  catalogue: ServiceCatalogue,
): Promise<MessageWriter> {
  const named = readModel(message, 'ModelStatisticsRequest')
  const answer = new MessageWriter()
  if (named.name) {
    const service = findService(call, named)
    await call.authorize(service)
    for (const part of service.parts) answer.message(1, encodeStatistics(describeStatistics(part, named.name)))
    return answer
  }
  for (const { parts } of await findVisibleServices(call.request, catalogue.all))
    for (const part of parts) answer.message(1, encodeStatistics(describeStatistics(part, part.name)))
  return answer
}

async function answerRepositoryIndex(
  message: Uint8Array,
  call: GrpcCall,
  catalogue: ServiceCatalogue,
): Promise<MessageWriter> {
  const isReadyAsked = readReadyFlag(message)
  const answer = new MessageWriter()
  for (const service of await findVisibleServices(call.request, catalogue.all)) {
    const entry = describeRepositoryEntry(service)
    if (!isReadyAsked || entry.state === 'READY') answer.message(1, encodeRepositoryEntry(entry))
  }
  return answer
}

/** `RepositoryIndexRequest`: 2 asks for models that are ready. */
function readReadyFlag(message: Uint8Array): boolean {
  const reader = new MessageReader(message, 'RepositoryIndexRequest')
  let isAsked = false
  while (reader.next()) {
    if (reader.field === 2) isAsked = reader.bool()
    else reader.skip()
  }
  return isAsked
}

/**
 * Where a route header chooses the service, the message may name no other: nobody is told of another model than they asked for.
 *
 * @throws ScoringError SERVICE_UNKNOWN, INPUT_INVALID
 */
function findService(call: GrpcCall, named: NamedModel): ScoringService {
  const service = call.findService(named)
  if (isSameModel(named.name ?? '', service.name)) return service
  const shown = showName(named.name ?? '')
  throw invalidInput(
    `The message names the model ${shown}, but the route header names "${service.name}"; send one of them.`,
  )
}

/** A message with the name of a model in field 1 and a version in 2. */
function readModel(message: Uint8Array, type: string): NamedModel {
  const reader = new MessageReader(message, type)
  let name = ''
  let version = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) version = reader.text()
    else reader.skip()
  }
  return { name, version }
}

/** A `ModelStreamInferResponse` with the text of a failure, and the id of the request that failed. */
function encodeStreamFailure({ message: text }: ScoringError, head: Uint8Array | undefined): MessageWriter {
  const answer = new MessageWriter()
  const id = head && readRequestId(head)
  if (id) answer.text(3, id)
  return new MessageWriter().text(1, text).message(2, answer)
}

const memoryRefusal = 'This app shares no memory with its callers; send tensors in the message.'
const settingsRefusal = 'The operator of this app sets up its logs and traces.'

const refusals: Readonly<Record<string, string>> = {
  RepositoryModelLoad: 'failed to load the model: models are loaded by the operator of this app',
  RepositoryModelUnload: 'failed to unload the model: models are loaded by the operator of this app',
  SystemSharedMemoryStatus: memoryRefusal,
  SystemSharedMemoryRegister: memoryRefusal,
  SystemSharedMemoryUnregister: memoryRefusal,
  CudaSharedMemoryStatus: memoryRefusal,
  CudaSharedMemoryRegister: memoryRefusal,
  CudaSharedMemoryUnregister: memoryRefusal,
  TraceSetting: settingsRefusal,
  LogSettings: settingsRefusal,
}

function refusedMethods(): Record<string, GrpcMethod> {
  const refuse = (why: string) =>
    unary(() => {
      throw new ScoringError('OPERATION_UNSUPPORTED', why)
    })
  return Object.fromEntries(Object.entries(refusals).map(([method, why]) => [method, refuse(why)]))
}
