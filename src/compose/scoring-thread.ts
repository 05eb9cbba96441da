/** The entry of a worker thread: loads its service, then scores one dispatch after the other. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { availableProcessors } from '../adapters/local/available-processors.ts'
import { guardNativeCalls, startRuntime } from '../adapters/onnxruntime/guarded-binding.ts'
import { loadOnnxModel } from '../adapters/onnxruntime/load-onnx-model.ts'
import { decodeImageWithSharp } from '../adapters/sharp/decode-image.ts'
import { ServiceLoadError } from '../errors.ts'
import { rowsCodec } from '../jobs/columns/rows-codec.ts'
import { hasScript, type ServiceSpec } from '../models/repository/service-spec.ts'
import { azuremlCodec } from '../protocols/azureml/codec.ts'
import { openInferenceCodec } from '../protocols/open-inference/codec.ts'
import { openInferenceGrpcCodec } from '../protocols/open-inference/grpc-codec.ts'
import { readJsonSchema } from '../protocols/openapi/declared.ts'
import { describeOutput } from '../protocols/openapi/describe-output.ts'
import { tensorflowServingCodec } from '../protocols/tensorflow-serving/codec.ts'
import { installImageDecoder } from '../scripts/image.ts'
import type { PostMessage } from '../workers/runtime/dispatch-results.ts'
import { DispatchRunner } from '../workers/runtime/dispatch-runner.ts'
import type { EncryptedScorer } from '../workers/runtime/encrypted-scorer.ts'
import { loadService, type WorkerParts } from '../workers/runtime/load-service.ts'
import { outliveLateErrors } from '../workers/runtime/script-calls.ts'
import { keepLoopsStoppable } from '../workers/runtime/stoppable-loops.ts'
import { tensorCodec } from '../workers/runtime/tensor-codec.ts'
import { markOutput } from '../workers/runtime/thread-output.ts'
import type { DispatchMessage, ServiceAssignment, WorkerBootData } from '../workers/transport/messages.ts'
import { NativeCallGuard } from '../workers/transport/native-call-guard.ts'
import { unpackRequests } from '../workers/transport/packed-dispatch.ts'
import { RequestStates } from '../workers/transport/request-states.ts'
import { recordDispatch, recordEnd, startRecording } from '../workers/transport/run-records.ts'

/** Takes what the main thread gave out of the reach of the scripts that will run here. */
function takeData(): { guard: NativeCallGuard; port: MessagePort } {
  const { guard, port } = workerData as WorkerBootData
  for (const name of Object.keys(workerData as object)) delete (workerData as Record<string, unknown>)[name]
  // Some packages send messages to the parent of a worker thread; unread messages must not pile up.
  parentPort?.close()
  return { guard: new NativeCallGuard(guard), port }
}

const { guard, port } = takeData()
guardNativeCalls(
  () => guard.enter(),
  () => guard.leave(),
)
startRuntime()
installImageDecoder(decodeImageWithSharp)
guard.leave() // the main thread entered it for this thread, because loading ONNX Runtime is native code too

const post: PostMessage = (message, transfer) => {
  if (message.type === 'results' && message.isLast) recordEnd(message.yielded)
  port.postMessage(message, transfer)
}

/** The bundle beside this one, or the source when run from source. */
const encryptedEntry = new URL(
  import.meta.url.endsWith('.ts') ? './encrypted-scorer.ts' : './encrypted-scorer.cjs',
  import.meta.url,
)

async function openEncrypted(spec: ServiceSpec): Promise<EncryptedScorer> {
  const { openEncryptedScorer } = (await import(encryptedEntry.href)) as typeof import('./encrypted-scorer.ts')
  return openEncryptedScorer(spec)
}

const parts: WorkerParts = {
  codecs: {
    azureml: azuremlCodec,
    'open-inference': openInferenceCodec,
    'open-inference-grpc': openInferenceGrpcCodec,
    'tensorflow-serving': tensorflowServingCodec,
    tensors: tensorCodec,
    rows: rowsCodec(azuremlCodec),
  },
  processorCount: availableProcessors(),
  openModel: loadOnnxModel,
  openEncrypted,
  describeInput: declared => readJsonSchema(declared, 'input'),
  describeOutput,
}

async function main({ spec, states: memory, record }: ServiceAssignment): Promise<void> {
  port.ref() // an init() that waits for nothing must meet its time limit, not a thread that ends for lack of work
  process.env.AZUREML_MODEL_DIR = spec.modelDir
  markOutput()
  try {
    if (hasScript(spec)) {
      keepLoopsStoppable()
      outliveLateErrors()
    }
    const states = new RequestStates(memory)
    if (record) startRecording(record, spec.service, states)
    const { service, report } = await loadService(spec, parts)
    const runner = new DispatchRunner(service, states, post)
    port.on('message', (packed: DispatchMessage) => score(runner, packed).catch(endThread))
    post({ type: 'loaded', report }, [])
  } catch (failure) {
    const isKnown = failure instanceof ServiceLoadError
    const reason = isKnown ? failure.message : `unexpected failure: ${(failure as Error)?.message ?? failure}`
    post({ type: 'load-failed', reason }, [])
  }
}

async function score(runner: DispatchRunner, packed: DispatchMessage): Promise<void> {
  const requests = unpackRequests(packed)
  recordDispatch(requests, packed.resumed)
  await runner.run(requests, packed.resumed)
}

/** Every request has its own catch, so an error that escapes is a fault of ours, and the state of the dispatch is unknown. */
function endThread(failure: unknown): void {
  console.error('unexpected failure in a scoring thread:', failure)
  process.exit(1)
}

port.once('message', main)
