import '../onnxruntime/telemetry-off.ts'

import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { WorkerBootData } from '../../workers/transport/messages.ts'
import { NativeCallGuard } from '../../workers/transport/native-call-guard.ts'
import { webgpuMutex } from '../onnxruntime/webgpu-mutex.ts'
import { heapLimits } from './heap-limits.ts'

/** The file that a worker starts from: the bundle beside this one, or the source when run from source. */
const entryFile = new URL(
  import.meta.url.endsWith('.ts') ? '../../compose/scoring-thread.ts' : './scoring-thread.cjs',
  import.meta.url,
)

/** A worker thread that has no service yet. It loads ONNX Runtime and waits for a `ServiceAssignment`. */
export interface StartedThread {
  readonly worker: Worker
  /** Carries the messages between the thread and the main thread. */
  readonly port: MessagePort
  readonly guard: NativeCallGuard
  readonly maxMemoryMb: number
}

/** Variables of the platform that hold its secrets: storage, telemetry and its collector, the identity of the app, the key vault. */
const platformSecrets =
  /^AzureWebJobs|CONNECTION_?STRING|INSTRUMENTATION_?KEY|^(IDENTITY|MSI)_|ENCRYPTION_KEY$|^WEBSITE_CONTENTAZUREFILE|^AZURE_(CLIENT_SECRET|CLIENT_CERTIFICATE|PASSWORD|FEDERATED_TOKEN)|^SCORING_KEY_VAULT_TEST_|^OTEL_EXPORTER_\w*HEADERS$/i

function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !platformSecrets.test(name)))
}

/** What the host of the app compiled at an earlier start; a thread finds it by this variable alone. */
function compileCache(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) }
}

/** Starts a thread whose JavaScript may hold this much memory. */
export function startWorkerThread(maxMemoryMb: number): StartedThread {
  webgpuMutex() // threads that start from here on share it
  const memory = new SharedArrayBuffer(NativeCallGuard.bytes)
  const guard = new NativeCallGuard(memory)
  guard.enter() // until the thread has loaded ONNX Runtime
  const { port1: port, port2: portOfThread } = new MessageChannel()
  const workerData: WorkerBootData = { guard: memory, port: portOfThread }
  const worker = new Worker(entryFile, {
    workerData,
    transferList: [portOfThread],
    name: 'scoring',
    env: { ...withoutSecrets(process.env), ...compileCache() },
    execArgv: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'],
    resourceLimits: heapLimits(maxMemoryMb),
  })
  // The server of the host keeps the process alive; idle workers must not keep it from ending.
  worker.unref()
  // Instead of the options `stdout` and `stderr`, with which reading the output would keep the process alive.
  worker.stdout.unpipe(process.stdout)
  worker.stderr.unpipe(process.stderr)
  worker.on('exit', () => guard.leave())
  return { worker, port, guard, maxMemoryMb }
}
