import { type StartedThread, startWorkerThread } from './start-thread.ts'

let prewarmed: StartedThread | undefined

/** Keeps a thread for the first service whose workers may hold as much memory. */
export function keepPrewarmedWorker(started: StartedThread): void {
  prewarmed = started
  // The service that needs a worker then starts one, and reports the same reason.
  const forget = () => {
    if (prewarmed === started) prewarmed = undefined
  }
  started.worker.on('error', forget)
  started.worker.on('exit', forget)
}

/** Takes the prewarmed worker, if its memory limit suits, or starts a worker. */
export function takePrewarmedWorker(maxMemoryMb: number): StartedThread {
  if (prewarmed?.maxMemoryMb !== maxMemoryMb) return startWorkerThread(maxMemoryMb)
  const taken = prewarmed
  prewarmed = undefined
  return taken
}

/** Ends the prewarmed worker, if no service has taken it. */
export async function endPrewarmedWorker(): Promise<void> {
  const unused = prewarmed
  prewarmed = undefined
  unused?.worker.ref() // a process that ends by itself meanwhile would be aborted by its native code
  await unused?.guard.close()
  await unused?.worker.terminate()
}
