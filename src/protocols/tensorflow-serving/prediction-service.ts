/** `tensorflow.serving.PredictionService`, which the FPGA services of Azure ML spoke. */
import { ScoringError } from '../../errors.ts'
import { modelVersion } from '../../models/catalogue/find-model.ts'
import type { MessageWriter } from '../grpc/message-writer.ts'
import type { GrpcCall, GrpcService, UnaryMethod } from '../grpc/method.ts'
import { readMetadataRequest, writeMetadata } from './model-metadata.ts'
import { readModelSpec } from './model-spec.ts'

export const predictionService: GrpcService = {
  name: 'tensorflow.serving.PredictionService',
  methods: {
    Predict: {
      kind: 'score',
      protocol: 'tensorflow-serving',
      codec: 'tensorflow-serving',
      readModel: readModelSpec,
      tensorField: [2, 2, 4], // tensor_content of an entry of inputs
    },
    GetModelMetadata: { kind: 'unary', answer: answerMetadata },
    Classify: refusing('Classify'),
    Regress: refusing('Regress'),
    MultiInference: refusing('MultiInference'),
  },
}

async function answerMetadata(message: Uint8Array, call: GrpcCall): Promise<MessageWriter> {
  const spec = readMetadataRequest(message)
  const service = call.findService(spec)
  await call.authorize(service)
  const report = await service.waitUntilLoaded(undefined)
  const named = { name: spec.name || service.name, version: modelVersion(service) }
  return writeMetadata(named, report, service.definition.tensorflowServing.outputs)
}

/** These take `tf.Example`, whose features only a TensorFlow graph can parse. */
function refusing(method: string): UnaryMethod {
  return {
    kind: 'unary',
    answer() {
      throw new ScoringError(
        'OPERATION_UNSUPPORTED',
        `${method} takes tf.Example, which no model here reads; call Predict with tensors`,
      )
    },
  }
}
