import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'

/** What a client has taken of its answer, at the last time that it took some. */
interface Taken {
  readonly progress: string
  readonly at: number
}

/**
 * Lets go of clients that take no byte of their answers. Who reads slowly is not let go of: what the system still has to
 * send is looked at too, where it tells (Linux), because it takes megabytes from us at a time.
 */
export class UnreadResponses {
  readonly #sockets: Iterable<Socket>
  readonly #unreadMs: number
  readonly #taken = new WeakMap<Socket, Taken>()

  /** @param unreadMs  without a byte */
  constructor(sockets: Iterable<Socket>, unreadMs: number) {
    this.#sockets = sockets
    this.#unreadMs = unreadMs
  }

  start(): void {
    const check = async () => {
      await this.#check(performance.now())
      this.start()
    }
    setTimeout(check, this.#unreadMs / 4).unref()
  }

  async #check(now: number): Promise<void> {
    const full = [...this.#sockets].filter(socket => socket.writableLength > 0)
    const unsent = full.length > 0 ? await unsentBytes() : undefined
    for (const socket of full) {
      const { bytesWritten, writableLength, localPort, remotePort } = socket
      const progress = `${bytesWritten - writableLength} ${unsent?.get(`${localPort} ${remotePort}`)}`
      const before = this.#taken.get(socket)
      if (writableLength === 0 || before?.progress !== progress) this.#taken.set(socket, { progress, at: now })
      else if (now - before.at >= this.#unreadMs) socket.destroy()
    }
  }
}

/**
 * What the system has yet to send, or to hear of, for each pair of ports (proc_net_tcp(5): `local_address`, `rem_address`,
 * `tx_queue`).
 */
async function unsentBytes(): Promise<Map<string, string>> {
  const unsent = new Map<string, string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'latin1').catch(() => '') // another system
    for (const [, local = '', remote = '', queue = ''] of text.matchAll(rowPattern)) {
      const ports = `${Number.parseInt(local, 16)} ${Number.parseInt(remote, 16)}`
      unsent.set(ports, `${unsent.get(ports) ?? ''} ${queue}`)
    }
  }
  return unsent
}

const rowPattern = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/gm
