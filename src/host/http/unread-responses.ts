import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'

/** How far a client had come with its response when it last took some of it. */
interface Progress {
  /** Bytes handed to the system and, where it is known, bytes that the system has yet to send. */
  readonly text: string
  readonly at: number
}

/**
 * Disconnects clients that take no byte of their responses. A slow reader stays connected: the system takes megabytes from
 * this process at once, so what it still has to send counts too, where it can be read (Linux).
 */
export class UnreadResponses {
  readonly #sockets: Iterable<Socket>
  readonly #unreadMs: number
  readonly #progress = new WeakMap<Socket, Progress>()

  /** @param unreadMs  longest time without a byte */
  constructor(sockets: Iterable<Socket>, unreadMs: number) {
    this.#sockets = sockets
    this.#unreadMs = unreadMs
  }

  start(): void {
    checkEvery(this.#unreadMs / 4, now => this.#check(now))
  }

  async #check(now: number): Promise<void> {
    const full = [...this.#sockets].filter(socket => socket.writableLength > 0)
    const unsent = full.length > 0 ? await readUnsentBytes() : undefined
    for (const socket of full) {
      const { bytesWritten, writableLength, localPort, remotePort } = socket
      const text = `${bytesWritten - writableLength} ${unsent?.get(`${localPort} ${remotePort}`)}`
      const before = this.#progress.get(socket)
      if (writableLength === 0 || before?.text !== text) this.#progress.set(socket, { text, at: now })
      else if (now - before.at >= this.#unreadMs) socket.destroy()
    }
  }
}

/** Checks after each pause of `pauseMs`, for as long as the process runs. */
export function checkEvery(pauseMs: number, check: (now: number) => Promise<void>): void {
  const checkAndWait = async () => {
    await check(performance.now())
    checkEvery(pauseMs, check)
  }
  setTimeout(checkAndWait, pauseMs).unref()
}

/**
 * Reads how much the system has yet to send, or to have acknowledged, by pair of ports (proc_net_tcp(5): `local_address`,
 * `rem_address`, `tx_queue`).
 *
 * @returns an empty map on systems other than Linux
 */
export async function readUnsentBytes(): Promise<Map<string, string>> {
  const unsent = new Map<string, string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'latin1').catch(() => '')
    for (const [, local = '', remote = '', queue = ''] of text.matchAll(rowPattern)) {
      const ports = `${Number.parseInt(local, 16)} ${Number.parseInt(remote, 16)}`
      unsent.set(ports, `${unsent.get(ports) ?? ''} ${queue}`)
    }
  }
  return unsent
}

const rowPattern = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/gm
