/** A debugger of the process under test: the Chrome DevTools Protocol, with the sessions of its worker threads (Node.js, domain NodeWorker). */
import { once } from 'node:events'

type Params = Record<string, unknown>
interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Params
  readonly result?: Params
  readonly error?: { readonly message: string }
}

/** Sends commands and hears events, over whatever carries the texts. */
class Session {
  readonly #carry: (text: string) => void
  readonly #pending = new Map<number, PromiseWithResolvers<Params>>()
  onEvent: (method: string, params: Params) => void = () => {}

  constructor(carry: (text: string) => void) {
    this.#carry = carry
  }

  send(method: string, params: Params = {}): Promise<Params> {
    const id = this.#pending.size + 1
    const answer = Promise.withResolvers<Params>()
    this.#pending.set(id, answer)
    this.#carry(JSON.stringify({ id, method, params }))
    return answer.promise
  }

  receive(text: string): void {
    const { id, method, params = {}, result = {}, error } = JSON.parse(text) as Message
    if (method !== undefined) return this.onEvent(method, params)
    const answer = this.#pending.get(id as number)
    if (error) answer?.reject(new Error(error.message))
    else answer?.resolve(result)
  }
}

/** A thread that has stopped. */
export interface Stop {
  /** URL of the script and line, from 1, that it has stopped at. */
  readonly url: string
  readonly line: number
  resume(): Promise<void>
}

/** Sets break points in every worker thread before its first line runs, as editors do. */
export class Inspector {
  readonly #socket: WebSocket
  readonly #breakPoints: readonly { url: string; line: number }[]
  readonly #stops: Stop[] = []
  #onStop: () => void = () => {}

  private constructor(socket: WebSocket, breakPoints: readonly { url: string; line: number }[]) {
    this.#socket = socket
    this.#breakPoints = breakPoints
  }

  /**
   * Attaches to a process, and lets it run if it waits for a debugger.
   *
   * @param url  that the process has printed
   * @param breakPoints  lines from 1
   */
  static async attach(url: string, breakPoints: readonly { url: string; line: number }[]): Promise<Inspector> {
    const socket = new WebSocket(url)
    const inspector = new Inspector(socket, breakPoints)
    const main = new Session(text => socket.send(text))
    const workers = new Map<unknown, Session>()
    main.onEvent = (method, { sessionId, message }) => {
      if (method === 'NodeWorker.attachedToWorker') {
        const worker = new Session(
          text => void main.send('NodeWorker.sendMessageToWorker', { sessionId, message: text }),
        )
        workers.set(sessionId, worker)
        void inspector.#watch(worker)
      }
      if (method === 'NodeWorker.receivedMessageFromWorker') workers.get(sessionId)?.receive(message as string)
    }
    socket.addEventListener('message', ({ data }) => main.receive(String(data)))
    await once(socket, 'open')
    await main.send('NodeWorker.enable', { waitForDebuggerOnStart: true })
    await main.send('Runtime.runIfWaitingForDebugger')
    return inspector
  }

  async #watch(worker: Session): Promise<void> {
    const urls = new Map<unknown, string>()
    worker.onEvent = (method, params) => {
      if (method === 'Debugger.scriptParsed') urls.set(params.scriptId, params.url as string)
      if (method !== 'Debugger.paused') return
      if (params.reason === 'Break on start') return void worker.send('Debugger.resume')
      const [frame] = params.callFrames as { location: { scriptId: string; lineNumber: number } }[]
      this.#stops.push({
        url: urls.get(frame?.location.scriptId) ?? '',
        line: (frame?.location.lineNumber ?? 0) + 1,
        resume: async () => void (await worker.send('Debugger.resume')),
      })
      this.#onStop()
    }
    await worker.send('Debugger.enable')
    for (const { url, line } of this.#breakPoints)
      await worker.send('Debugger.setBreakpointByUrl', { url, lineNumber: line - 1 })
    await worker.send('Runtime.runIfWaitingForDebugger')
  }

  /** The next stop of any worker. */
  async nextStop(): Promise<Stop> {
    while (this.#stops.length === 0) await new Promise<void>(resolve => (this.#onStop = resolve))
    return this.#stops.shift() as Stop
  }

  /** Threads that have stopped go on. */
  async detach(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}
