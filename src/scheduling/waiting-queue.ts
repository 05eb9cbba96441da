import { maxDispatchSize } from './dispatch.ts'
import { runsAlone, type WaitingRequest, workOf } from './waiting-request.ts'

/** The requests of a scheduler that wait for a thread, in order, with what they hold and what is known of their cost. */
export class WaitingQueue {
  #requests: WaitingRequest[] = []
  #bytes = 0
  #work = 0
  #loners = 0

  get length(): number {
    return this.#requests.length
  }

  /** Of all bodies. */
  get bytes(): number {
    return this.#bytes
  }

  /** As `workOf` counts it. */
  get work(): number {
    return this.#work
  }

  /** Dispatches that they take at least. */
  get dispatches(): number {
    return this.#loners + Math.ceil((this.#requests.length - this.#loners) / maxDispatchSize)
  }

  get first(): WaitingRequest | undefined {
    return this.#requests[0]
  }

  push(waiting: WaitingRequest): void {
    this.#requests.push(waiting)
    this.#count(waiting, 1)
  }

  /** What comes back from a thread goes where it was: before what came after it. */
  putBack(returned: readonly WaitingRequest[]): void {
    if (returned.length === 0) return
    this.#requests = [...returned, ...this.#requests].sort((one, other) => one.order - other.order)
    for (const waiting of returned) this.#count(waiting, 1)
  }

  shift(): WaitingRequest | undefined {
    const waiting = this.#requests.shift()
    if (waiting) this.#count(waiting, -1)
    return waiting
  }

  /** Takes all out. */
  clear(): WaitingRequest[] {
    return this.takeOut(() => true)
  }

  takeOut(isLeaving: (waiting: WaitingRequest) => boolean): WaitingRequest[] {
    const leaving = this.#requests.filter(isLeaving)
    if (leaving.length === 0) return leaving
    const gone = new Set(leaving)
    this.#requests = this.#requests.filter(waiting => !gone.has(waiting))
    for (const waiting of leaving) this.#count(waiting, -1)
    return leaving
  }

  #count(waiting: WaitingRequest, sign: 1 | -1): void {
    this.#bytes += sign * waiting.request.body.byteLength
    this.#work += sign * workOf(waiting)
    if (runsAlone(waiting)) this.#loners += sign
  }
}
