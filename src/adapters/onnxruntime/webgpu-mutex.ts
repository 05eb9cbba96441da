import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/** Milliseconds that a thread's end waits for others to leave the GPU alone. */
const longestWaitMs = 2000
const key = 'scoring-functions webgpu turns'
const free = 0

/**
 * WebGPU computes for one thread of the process at a time: ONNX Runtime has one Dawn device for all sessions, and two
 * threads in it at once end the process with a segmentation fault (1.30; microsoft/onnxruntime issue 32561).
 *
 * The memory that all threads share holds who has the turn: the id of its thread plus one, or 0.
 */
export class WebgpuTurns {
  readonly #holder: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#holder = new Int32Array(memory)
  }

  /** Waits without keeping the thread, which may have other work. */
  async take<Result>(threadId: number, work: () => Promise<Result>): Promise<Result> {
    await this.#enter(threadId)
    try {
      return await work()
    } finally {
      this.leave(threadId)
    }
  }

  /**
   * Before a thread is ended from outside: its sessions go with it, which must not happen while another thread computes.
   * The turn is its own from then on, until `leave`. A thread that has the turn already is not waited for.
   */
  async enterForEnd(threadId: number): Promise<void> {
    if (Atomics.load(this.#holder, 0) === idOf(threadId)) return
    await this.#enter(threadId, performance.now() + longestWaitMs)
  }

  /** Gives back the turn of a thread that is done with it, or has ended. */
  leave(threadId: number): void {
    if (Atomics.compareExchange(this.#holder, 0, idOf(threadId), free) === idOf(threadId)) {
      Atomics.notify(this.#holder, 0, 1)
    }
  }

  async #enter(threadId: number, until = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      const holder = Atomics.compareExchange(this.#holder, 0, free, idOf(threadId))
      const leftMs = until - performance.now()
      if (holder === free || leftMs <= 0) return
      await Atomics.waitAsync(this.#holder, 0, holder, leftMs).value
    }
  }
}

function idOf(threadId: number): number {
  return threadId + 1
}

/** The turns of this process. The main thread asks first: threads get what it has when they start. */
export function webgpuTurns(): WebgpuTurns {
  let memory = getEnvironmentData(key) as SharedArrayBuffer | undefined
  if (!memory) {
    memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    setEnvironmentData(key, memory)
  }
  return new WebgpuTurns(memory)
}
