import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/** The longest wait for other threads before a thread is ended. */
const maxWaitMs = 2000
const key = 'scoring-functions webgpu mutex'
const free = 0

/**
 * Lets one thread of the process compute on WebGPU at a time: ONNX Runtime has one Dawn device for the sessions of all
 * services, and two threads in it at once end the process with a segmentation fault (1.30; microsoft/onnxruntime issue
 * 32561). One worker for each service would not do, as services share the device. Node.js 22 has no Web Locks.
 *
 * The shared memory holds the id of the thread that has the lock plus one, or 0.
 */
export class WebgpuMutex {
  readonly #holder: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#holder = new Int32Array(memory)
  }

  /** Runs the work as soon as no other thread computes. The wait does not block the thread. */
  async run<Result>(threadId: number, work: () => Promise<Result>): Promise<Result> {
    await this.#lock(threadId)
    try {
      return await work()
    } finally {
      this.unlock(threadId)
    }
  }

  /**
   * Locks for a thread that is to be ended from outside: its sessions end with it, which must not happen while another
   * thread computes. The lock is the ended thread's until `unlock`; a thread that computes has it already.
   */
  async lockForEnd(threadId: number): Promise<void> {
    if (Atomics.load(this.#holder, 0) === threadId + 1) return
    await this.#lock(threadId, performance.now() + maxWaitMs)
  }

  /** Unlocks if the thread, which may have ended, holds the lock. */
  unlock(threadId: number): void {
    if (Atomics.compareExchange(this.#holder, 0, threadId + 1, free) === threadId + 1)
      Atomics.notify(this.#holder, 0, 1)
  }

  async #lock(threadId: number, until = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      const holder = Atomics.compareExchange(this.#holder, 0, free, threadId + 1)
      const leftMs = until - performance.now()
      if (holder === free || leftMs <= 0) return
      await Atomics.waitAsync(this.#holder, 0, holder, leftMs).value
    }
  }
}

/** The mutex of this process. The main thread has to call this first, as threads share what it has when they start. */
export function webgpuMutex(): WebgpuMutex {
  let memory = getEnvironmentData(key) as SharedArrayBuffer | undefined
  if (!memory) {
    memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    setEnvironmentData(key, memory)
  }
  return new WebgpuMutex(memory)
}
