import { connect, type Socket } from 'node:net'

export interface AnswerHead {
  readonly status: number
  /** Of the body; undefined when the server sends it in chunks. */
  readonly length: number | undefined
  /** The server closes the connection after it. */
  readonly isLast: boolean
}

/**
 * One HTTP/1.1 connection that sends prepared bytes and reads just enough to know where an answer ends.
 * A third cheaper than autocannon, which matters where generator and server share the cores.
 */
export class KeepAliveConnection {
  readonly #socket: Socket
  #answered: ((head: AnswerHead) => void) | undefined
  #failed: ((error: Error) => void) | undefined
  #head: AnswerHead | undefined
  #early = Buffer.alloc(0)
  #missingBytes = 0
  #tail = ''

  constructor(port: number) {
    const buffer = Buffer.allocUnsafe(65_536)
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer,
        callback: length => {
          this.#receive(buffer.subarray(0, length))
          return true
        },
      },
    })
    this.#socket.on('error', error => this.#failed?.(error))
    this.#socket.on('close', () => this.#failed?.(new Error('the server closed the connection')))
  }

  /** Sends a request, when the one before is answered; exactly one of the two is called. */
  send(request: Buffer, answered: (head: AnswerHead) => void, failed: (error: Error) => void): void {
    this.#answered = answered
    this.#failed = failed
    this.#socket.write(request)
  }

  /** The server has not closed it, as it may after a while without requests. */
  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  close(): void {
    this.#answered = undefined
    this.#failed = undefined
    this.#socket.destroy()
  }

  #receive(bytes: Buffer): void {
    if (this.#head) return this.#receiveBody(bytes)
    const all = this.#early.length > 0 ? Buffer.concat([this.#early, bytes]) : bytes
    const end = all.indexOf('\r\n\r\n')
    if (end < 0) {
      this.#early = Buffer.from(all)
      return
    }
    this.#early = Buffer.alloc(0)
    this.#head = parseHead(all.toString('latin1', 0, end))
    this.#missingBytes = this.#head.length ?? 0
    this.#receiveBody(all.subarray(end + 4))
  }

  #receiveBody(bytes: Buffer): void {
    const head = this.#head as AnswerHead
    if (head.length === undefined) {
      this.#tail = (this.#tail + bytes.toString('latin1', Math.max(0, bytes.length - 5))).slice(-5)
      if (this.#tail !== '0\r\n\r\n') return
    } else {
      this.#missingBytes -= bytes.length
      if (this.#missingBytes > 0) return
    }
    this.#head = undefined
    this.#tail = ''
    const answered = this.#answered
    this.#answered = undefined
    this.#failed = undefined
    answered?.(head)
  }
}

function parseHead(head: string): AnswerHead {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  const isLast = /\r\nconnection: *close/i.test(head)
  return { status: Number(head.slice(9, 12)), length: length === undefined ? undefined : Number(length), isLast }
}
