/** Calls between two threads. Each side calls functions of the other one. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { readFailure, type SentFailure, sendFailure } from './failures.ts'

/** Functions that the other side may call. What they take and return is copied (structured clone), except shared memory and what is moved. */
export type Functions = { readonly [name: string]: (input: never, signal: AbortSignal) => unknown }

/** A result whose buffers are moved to the other side: nothing else here may use them. */
export class Moved<T> {
  readonly value: T
  readonly buffers: readonly ArrayBuffer[]

  constructor(value: T, buffers: readonly ArrayBuffer[]) {
    this.value = value
    this.buffers = buffers
  }
}

type Input<Each> = Each extends (input: infer One, ...others: never[]) => unknown ? One : never
type Unmoved<One> = One extends Moved<infer Value> ? Value : One
type Output<Each> = Each extends (...inputs: never[]) => infer One ? Unmoved<Awaited<One>> : never

type Message =
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly input: unknown }
  /** A call that nobody waits for. */
  | { readonly type: 'note'; readonly name: string; readonly input: unknown }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly failure: SentFailure }

interface OpenCall {
  resolve(value: unknown): void
  reject(failure: unknown): void
}

/** One end of a port. */
export class Calls<Theirs extends Functions> {
  readonly #port: MessagePort
  readonly #ours: () => Functions
  readonly #open = new Map<number, OpenCall>()
  /** Calls from there that run here. */
  readonly #running = new Map<number, AbortController>()
  readonly #keepsAlive: boolean
  #onIdle: (() => void)[] = []
  #count = 0
  #ended: Error | undefined

  /**
   * @param ours  functions for the other side, which are asked for with the first call
   * @param keepsAlive  whether the port keeps its thread alive, as that of a thread that only answers has to
   */
  constructor(port: MessagePort, ours: () => Functions, { keepsAlive }: { readonly keepsAlive: boolean }) {
    this.#port = port
    this.#ours = ours
    this.#keepsAlive = keepsAlive
    port.on('message', (message: Message) => this.#receive(message))
    if (!keepsAlive) port.unref()
  }

  /** Resolves when every call from here has its answer. */
  idle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise(resolve => this.#onIdle.push(resolve))
  }

  /** @throws what the function throws there; the reason of the signal, once the function has ended; why the other side has ended */
  async call<Name extends keyof Theirs & string>(
    name: Name,
    input: Input<Theirs[Name]>,
    signal?: AbortSignal,
  ): Promise<Output<Theirs[Name]>> {
    signal?.throwIfAborted()
    if (this.#ended) throw this.#ended
    const id = this.#count++
    const abort = () => this.#post({ type: 'abort', id })
    signal?.addEventListener('abort', abort)
    if (this.#open.size === 0 && !this.#keepsAlive) this.#port.ref()
    try {
      return await new Promise<Output<Theirs[Name]>>((resolve, reject) => {
        this.#open.set(id, { resolve: value => resolve(value as Output<Theirs[Name]>), reject })
        this.#post({ type: 'call', id, name, input })
      })
    } catch (failure) {
      throw signal?.aborted ? signal.reason : failure
    } finally {
      this.#open.delete(id)
      signal?.removeEventListener('abort', abort)
      if (this.#open.size === 0) this.#rest()
    }
  }

  #rest(): void {
    if (!this.#keepsAlive) this.#port.unref()
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  /** Calls a function and does not wait for it. Notes and calls come in the order in which they were sent. */
  tell<Name extends keyof Theirs & string>(name: Name, input: Input<Theirs[Name]>): void {
    this.#post({ type: 'note', name, input })
  }

  /**
   * To be called when the other side has ended. Notes and answers that it has sent still count.
   *
   * @param why  what open and later calls throw
   */
  end(why: Error): void {
    for (;;) {
      const last = receiveMessageOnPort(this.#port)
      if (!last) break
      this.#receive(last.message)
    }
    this.#port.close()
    this.#ended = why
    for (const { reject } of this.#open.values()) reject(why)
    for (const controller of this.#running.values()) controller.abort(why)
  }

  #post(message: Message, moved: readonly ArrayBuffer[] = []): void {
    if (!this.#ended) this.#port.postMessage(message, moved)
  }

  #receive(message: Message): void {
    switch (message.type) {
      case 'call':
        void this.#run(message)
        return
      case 'note':
        void this.#function(message.name)(message.input as never, neverAborted)
        return
      case 'abort':
        this.#running.get(message.id)?.abort()
        return
      case 'result':
        this.#open.get(message.id)?.resolve(message.value)
        return
      case 'failure':
        this.#open.get(message.id)?.reject(readFailure(message.failure))
        return
    }
  }

  async #run({ id, name, input }: Message & { readonly type: 'call' }): Promise<void> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      const value = await this.#function(name)(input as never, controller.signal)
      if (value instanceof Moved) this.#post({ type: 'result', id, value: value.value }, value.buffers)
      else this.#post({ type: 'result', id, value })
    } catch (failure) {
      this.#post({ type: 'failure', id, failure: sendFailure(failure) })
    } finally {
      this.#running.delete(id)
    }
  }

  #function(name: string): Functions[string] {
    const found = this.#ours()[name]
    if (!found) throw new Error(`the other thread called "${name}", which is not here`)
    return found
  }
}

const neverAborted = new AbortController().signal
