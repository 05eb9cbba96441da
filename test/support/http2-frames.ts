/** HTTP/2 as bytes (RFC 9113 and 7541), for clients that do what no library does. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flags = { none: 0, endStream: 1, ack: 1, endHeaders: 4 } as const

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export function encodeFrame(
  type: number,
  flag: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flag
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

/** @param values  by number, such as 4 for SETTINGS_INITIAL_WINDOW_SIZE */
export function encodeSettings(values: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(values).map(([key, value]) => {
    const entry = Buffer.alloc(6)
    entry.writeUInt16BE(Number(key), 0)
    entry.writeUInt32BE(value, 2)
    return entry
  })
  return encodeFrame(frameTypes.settings, flags.none, 0, Buffer.concat(entries))
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Encodes fields as literals that go into no table. */
export function encodeFields(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), encodeText(name), encodeText(value)]),
  )
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** A whole request without a body, or the head of one with a body. */
export function encodeRequest(streamId: number, path: string, { hasBody = false, more = {} } = {}): Buffer {
  const method = hasBody ? 'POST' : 'GET'
  const fields = { ':method': method, ':scheme': 'http', ':path': path, ':authority': 'a', ...more }
  const flag = flags.endHeaders | (hasBody ? flags.none : flags.endStream)
  return encodeFrame(frameTypes.headers, flag, streamId, encodeFields(fields))
}

/** A connection whose client sends whatever it is told to, and collects what comes back. */
export class FrameClient {
  readonly socket: Socket
  readonly frames: Frame[] = []
  #rest = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', chunk => this.#take(chunk))
  }

  /** Connects, and sends the preface and settings. */
  static async open(port: number, settings: Readonly<Record<number, number>> = {}): Promise<FrameClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new FrameClient(socket)
    await client.send(Buffer.concat([preface, encodeSettings(settings)]))
    return client
  }

  /** Resolves when the system has the bytes, or the connection is closed. */
  async send(bytes: Uint8Array): Promise<void> {
    const { socket } = this
    if (socket.destroyed || socket.write(bytes)) return
    await new Promise<void>(resolve => {
      const finish = () => {
        socket.off('drain', finish).off('close', finish)
        resolve()
      }
      socket.on('drain', finish).on('close', finish)
    })
  }

  /** Sends the same again and again, until the server closes the connection or it was sent often enough. */
  async flood(bytes: Uint8Array, times: number): Promise<void> {
    for (let sent = 0; sent < times && !this.socket.destroyed; sent++) {
      await this.send(bytes)
      if (sent % 16 === 0) await new Promise(resolve => setImmediate(resolve)) // reads what has come
    }
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await new Promise<unknown>(resolve => this.socket.once('close', resolve))
  }

  /** Resolves with the first frame of a type. */
  async frame(type: number): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(frame => frame.type === type)
      if (found) return found
      if (this.socket.closed) throw new Error(`closed before a frame of type ${type} came`)
      await Promise.race([new Promise(resolve => this.socket.once('data', resolve)), this.closed()])
    }
  }

  /** The error code of the GOAWAY frame; undefined when there is none. */
  get goawayCode(): number | undefined {
    return this.frames.findLast(({ type }) => type === frameTypes.goaway)?.payload.readUInt32BE(4)
  }

  #take(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      const payload = Buffer.from(rest.subarray(9, end))
      this.frames.push({ type: rest[3] ?? 0, flags: rest[4] ?? 0, streamId: rest.readUInt32BE(5), payload })
      rest = rest.subarray(end)
    }
    this.#rest = Buffer.from(rest)
  }
}
