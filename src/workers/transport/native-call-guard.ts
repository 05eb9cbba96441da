const inside = 0
const closed = 1

/**
 * Keeps a thread from being ended inside ONNX Runtime. Its binding throws when JavaScript ends under it, where nothing can
 * catch that: the whole process aborts (1.30, `terminate called after throwing an instance of 'Napi::Error'`).
 */
export class NativeCallGuard {
  static readonly bytes = 8
  readonly #state: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#state = new Int32Array(memory)
  }

  /** The thread enters native code. Once the main thread has closed the guard, it waits here for its end instead. */
  enter(): void {
    Atomics.store(this.#state, inside, 1)
    if (Atomics.load(this.#state, closed) === 0) return
    this.leave()
    Atomics.wait(this.#state, closed, 1)
  }

  /** The thread leaves native code. The main thread says so for a thread that has ended by itself. */
  leave(): void {
    Atomics.store(this.#state, inside, 0)
    Atomics.notify(this.#state, inside)
  }

  /** Keeps the thread out from now on, and waits for it to leave: as long as a run of the model takes. */
  async close(): Promise<void> {
    Atomics.store(this.#state, closed, 1)
    while (Atomics.load(this.#state, inside) === 1) await Atomics.waitAsync(this.#state, inside, 1).value
  }
}
