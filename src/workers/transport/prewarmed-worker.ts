import '../../adapters/onnxruntime/telemetry-off.ts'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { webgpuMutex } from '../../adapters/onnxruntime/webgpu-mutex.ts'
import { heapLimits } from './heap-limits.ts'
import type { WorkerBootData } from './messages.ts'
import { NativeCallGuard } from './native-call-guard.ts'

/** The file a scoring thread starts from: the bundle beside this one, or the source when run from source. */
export const threadEntry = new URL(
  import.meta.url.endsWith('.ts') ? '../../compose/scoring-thread.ts' : './scoring-thread.cjs',
  import.meta.url,
)

/** A worker thread that has no service yet. It loads ONNX Runtime and waits for a `ServiceAssignment`. */
export interface PrewarmedWorker {
  readonly worker: Worker
  /** What its owner says to it, and hears of it. */
  readonly port: MessagePort
  readonly guard: NativeCallGuard
  readonly maxMemoryMb: number
}

/** What the platform puts into the environment for itself, and what opens the vault: storage, telemetry, who the app is. */
const platformSecrets =
  /^AzureWebJobs|CONNECTION_?STRING|INSTRUMENTATION_?KEY|^(IDENTITY|MSI)_|ENCRYPTION_KEY$|^WEBSITE_CONTENTAZUREFILE|^AZURE_(CLIENT_SECRET|CLIENT_CERTIFICATE|PASSWORD|FEDERATED_TOKEN)|^SCORING_KEY_VAULT_TEST_/i

function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !platformSecrets.test(name)))
}

let spare: PrewarmedWorker | undefined

/** Has a thread ready for the first service whose threads may hold so much memory. */
export function prewarmWorker(maxMemoryMb: number): PrewarmedWorker {
  const started = startWorkerThread(maxMemoryMb)
  spare = started
  // Whoever wants a thread then starts one, and is told the reason, which is the same.
  const forget = () => {
    if (spare === started) spare = undefined
  }
  started.worker.on('error', forget)
  started.worker.on('exit', forget)
  return started
}

/** The spare thread, if it suits, or else a new one. */
export function takePrewarmedWorker(maxMemoryMb: number): PrewarmedWorker {
  if (spare?.maxMemoryMb !== maxMemoryMb) return startWorkerThread(maxMemoryMb)
  const taken = spare
  spare = undefined
  return taken
}

/** Ends the spare thread, if nobody has taken it. */
export async function endPrewarmedWorker(): Promise<void> {
  const unused = spare
  spare = undefined
  await unused?.guard.close()
  await unused?.worker.terminate()
}

function startWorkerThread(maxMemoryMb: number): PrewarmedWorker {
  webgpuMutex() // threads that start from here on have the same
  const memory = new SharedArrayBuffer(NativeCallGuard.bytes)
  const guard = new NativeCallGuard(memory)
  guard.enter() // until the thread has loaded ONNX Runtime
  const { port1: port, port2: portOfThread } = new MessageChannel()
  const workerData: WorkerBootData = { guard: memory, port: portOfThread }
  const worker = new Worker(threadEntry, {
    workerData,
    transferList: [portOfThread],
    name: 'scoring',
    stdout: true,
    stderr: true,
    env: withoutSecrets(process.env),
    execArgv: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'],
    resourceLimits: heapLimits(maxMemoryMb),
  })
  // The host's server keeps the process alive; idle threads must not keep it from ending.
  worker.unref()
  worker.on('exit', () => guard.leave())
  return { worker, port, guard, maxMemoryMb }
}
