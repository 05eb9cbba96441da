/**
 * Service Bus as its clients see it, over AMQP 1.0 on the library that the SDK itself uses: SASL, tokens by `$cbs`, queues with
 * peek-lock, credit, settlement, delivery counts, dead letters, locks that expire or are renewed, and duplicate detection.
 * ("AMQP 1.0 in Azure Service Bus protocol guide")
 */
import { createHmac, randomUUID, timingSafeEqual, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import rhea, { type Connection, type Delivery, type EventContext, type Message, type Receiver, type Sender } from 'rhea'
import type { Cleaner } from './cleaner.ts'
import type { SigningKey } from './token-issuer.ts'

const { types } = rhea
/** rhea's declarations lack them. */
const { accepted, rejected } = rhea.message as unknown as Record<string, (fields?: object) => { described(): object }>

/** A message in a queue of the double. */
export interface StoredMessage {
  readonly message: Message
  readonly sequenceNumber: number
  readonly enqueuedAt: number
  /** Deliveries that failed. */
  deliveryCount: number
  lock: { readonly tag: Buffer; until: number; readonly connection: Connection } | undefined
}

export interface DeadLetter {
  readonly message: Message
  readonly reason: string
  readonly description: string
}

interface Queue {
  readonly name: string
  readonly waiting: StoredMessage[]
  readonly deadLetters: DeadLetter[]
  readonly messageIds: Set<unknown>
  readonly links: Set<Sender>
  /** Messages that came and were not stored, because their id was there before. */
  duplicates: number
  /** Deliveries in all. */
  deliveries: number
}

export interface ServiceBusDouble {
  readonly port: number
  readonly connectionString: string
  queue(name: string): Queue
  /** Puts a message into a queue as a sender does. */
  put(queue: string, message: Message): void
  /** Body of a message as text. */
  textOf(message: Message): string
  /** Waits until it holds; it is asked again after each change. */
  until(holds: () => boolean): Promise<void>
  /** Ends it, and every connection. */
  stop(): Promise<void>
}

export interface DoubleOptions {
  readonly lockMs?: number
  readonly maxDeliveryCount?: number
  readonly maxMessageBytes?: number
  /** Of an earlier double, which has ended; its queues are gone. */
  readonly port?: number
  /** Speaks TLS, and takes tokens that Entra ID signed with this key in place of shared keys: `disableLocalAuth`. */
  readonly entra?: { readonly signedBy: SigningKey; readonly cert: string; readonly key: string }
}

const keyName = 'test'
const key = 'c2VjcmV0'
/** A batch: data sections that are encoded messages. */
const batchFormat = 0x80013700

export async function startServiceBus(
  test: Cleaner,
  { lockMs = 30_000, maxDeliveryCount = 10, maxMessageBytes = 262_144, port: givenPort = 0, entra }: DoubleOptions = {},
): Promise<ServiceBusDouble> {
  const queues = new Map<string, Queue>()
  const waiters = new Set<() => void>()
  let lastSequenceNumber = 0
  const queueOf = (name: string): Queue => {
    const known = queues.get(name.toLowerCase())
    if (known) return known
    const lists = { waiting: [], deadLetters: [], messageIds: new Set(), links: new Set<Sender>() }
    const made = { name, ...lists, duplicates: 0, deliveries: 0 }
    queues.set(name.toLowerCase(), made)
    return made
  }
  const changed = () => {
    for (const queue of queues.values()) deliver(queue)
    for (const waiter of [...waiters]) waiter()
  }

  const store = (queue: Queue, message: Message) => {
    const id = message.message_id
    if (id !== undefined && queue.messageIds.has(id)) {
      queue.duplicates++
      return
    }
    if (id !== undefined) queue.messageIds.add(id)
    const sequenceNumber = ++lastSequenceNumber
    queue.waiting.push({ message, sequenceNumber, enqueuedAt: Date.now(), deliveryCount: 0, lock: undefined })
  }

  const deliver = (queue: Queue) => {
    for (const link of queue.links) {
      for (const stored of queue.waiting) {
        if (stored.lock !== undefined || !link.sendable()) continue
        const tag = Buffer.from(randomUUID().replaceAll('-', ''), 'hex')
        stored.lock = { tag, until: Date.now() + lockMs, connection: link.connection }
        queue.deliveries++
        const annotations = {
          'x-opt-sequence-number': types.wrap_long(stored.sequenceNumber),
          'x-opt-enqueued-time': types.wrap_timestamp(stored.enqueuedAt),
          'x-opt-locked-until': types.wrap_timestamp(stored.lock.until),
        }
        link.send({ ...stored.message, delivery_count: stored.deliveryCount, message_annotations: annotations }, tag)
      }
    }
  }

  const release = (queue: Queue, stored: StoredMessage) => {
    stored.lock = undefined
    stored.deliveryCount++
    if (stored.deliveryCount < maxDeliveryCount) return
    bury(
      queue,
      stored,
      'MaxDeliveryCountExceeded',
      `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`,
    )
  }
  const bury = (queue: Queue, stored: StoredMessage, reason: string, description: string) => {
    queue.waiting.splice(queue.waiting.indexOf(stored), 1)
    queue.deadLetters.push({ message: stored.message, reason, description })
  }
  const findHeld = (tag: Buffer) => {
    for (const queue of queues.values())
      for (const stored of queue.waiting) if (stored.lock && tag.equals(stored.lock.tag)) return { queue, stored }
    return undefined
  }

  const expiry = setInterval(() => {
    const now = Date.now()
    let hasExpired = false
    for (const queue of queues.values()) {
      for (const stored of [...queue.waiting]) {
        if (stored.lock === undefined || stored.lock.until > now) continue
        release(queue, stored)
        hasExpired = true
      }
    }
    if (hasExpired) changed()
  }, 50)
  expiry.unref()

  const container = rhea.create_container({
    id: 'service-bus-double',
    sender_options: { autosettle: false },
    receiver_options: { autoaccept: false, credit_window: 100 },
  } as object)
  container.sasl_server_mechanisms.enable_anonymous()
  ;(container.sasl_server_mechanisms as unknown as Record<string, unknown>).MSSBCBS = () => ({
    outcome: true,
    start: () => undefined,
  })
  const authorized = new WeakMap<Connection, Set<string>>()
  const replies = new WeakMap<Connection, Map<string, Sender>>()

  container.on('sender_open', ({ sender, connection }: EventContext) => {
    const link = sender as Sender
    const address = link.source?.address ?? ''
    if (/\$(cbs|management)$/.test(address)) {
      link.set_source({ address } as never)
      const byAddress = replies.get(connection) ?? new Map()
      replies.set(connection, byAddress.set(String(link.target?.address), link))
      return
    }
    if (!authorized.get(connection)?.has(address.toLowerCase()))
      return link.close({ condition: 'amqp:unauthorized-access', description: 'no token for this queue' })
    link.set_source({ address } as never)
    const queue = queueOf(address)
    queue.links.add(link)
    link.on('sender_close', () => queue.links.delete(link))
  })
  container.on('receiver_open', ({ receiver, connection }: EventContext) => {
    const link = receiver as Receiver
    const address = link.target?.address ?? ''
    if (!/\$(cbs|management)$/.test(address) && !authorized.get(connection)?.has(address.toLowerCase()))
      return link.close({ condition: 'amqp:unauthorized-access', description: 'no token for this queue' })
    link.set_target({ address } as never)
  })
  container.on('sendable', changed)
  container.on('disconnected', ({ connection }: EventContext) => {
    // What it holds stays locked until the locks expire.
    for (const queue of queues.values())
      for (const link of queue.links) if (link.connection === connection) queue.links.delete(link)
  })

  container.on('message', ({ message, receiver, delivery, connection }: EventContext) => {
    const address = String(receiver?.target?.address)
    if (/\$(cbs|management)$/.test(address)) {
      ;(delivery as Delivery).accept()
      const answer = address === '$cbs' ? putToken(connection, message as Message) : manage(message as Message)
      const link = replies.get(connection)?.get(String(message?.reply_to)) ?? anyReply(connection)
      link?.send({ ...answer, correlation_id: message?.message_id })
      changed()
      return
    }
    const format = (delivery as unknown as { format?: number }).format
    const messages = format === batchFormat ? unpackBatch(message as Message) : [message as Message]
    if (messages.some(each => bodyOf(each).length > maxMessageBytes)) {
      const error = { condition: 'amqp:link:message-size-exceeded', description: 'The message is too large.' }
      ;(delivery as Delivery).reject(error)
      return
    }
    for (const each of messages) store(queueOf(address), each)
    ;(delivery as Delivery).accept()
    changed()
  })
  const anyReply = (connection: Connection) => [...(replies.get(connection)?.values() ?? [])][0]

  const putToken = (connection: Connection, { body, application_properties }: Message): Message => {
    const audience = String(application_properties?.name ?? '')
    const isValid =
      application_properties?.type === 'jwt'
        ? entra !== undefined && isValidJwt(String(body), entra.signedBy)
        : entra === undefined && isValidSignature(String(body))
    if (isValid) {
      const path = decodeURIComponent(new URL(audience.replace(/^sb:/, 'http:')).pathname.slice(1)).toLowerCase()
      const known = authorized.get(connection) ?? new Set()
      authorized.set(connection, known.add(path.replace(/\/\$management$/, '')))
    }
    const [code, text] = isValid ? [202, 'Accepted'] : [401, 'InvalidSignature']
    return { body: '', application_properties: { 'status-code': code, 'status-description': text } }
  }

  const manage = ({ body, application_properties }: Message): Message => {
    const operation = application_properties?.operation
    if (operation !== 'com.microsoft:renew-lock')
      return { body: {}, application_properties: { statusCode: 501, statusDescription: `no ${operation}` } }
    const tokens = (body as { 'lock-tokens': unknown[] })['lock-tokens'].map(token => Buffer.from(token as Uint8Array))
    const expirations = tokens.map(token => {
      const held = findHeld(token)
      if (held?.stored.lock) held.stored.lock.until = Date.now() + lockMs
      return Date.now() + lockMs
    })
    const array = types.wrap_array(expirations, 0x83, undefined as never)
    return { body: { expirations: array }, application_properties: { statusCode: 200, statusDescription: 'OK' } }
  }

  const settled = new WeakSet<Delivery>()
  const settle =
    (settleWith: (queue: Queue, stored: StoredMessage, delivery: Delivery) => void) =>
    ({ delivery }: EventContext) => {
      const each = delivery as Delivery
      // Replies to requests have tags of another kind, and rhea tells of "modified" as "released" as well.
      if ((each.tag as Uint8Array).length !== 16 || settled.has(each)) return
      settled.add(each)
      const held = findHeld(Buffer.from(each.tag as Uint8Array))
      if (held) settleWith(held.queue, held.stored, each)
      // The client waits for this, and takes the settlement for lost when it says so.
      const lost = { condition: 'com.microsoft:message-lock-lost', description: 'The lock supplied is invalid.' }
      each.update(true, (held ? accepted?.() : rejected?.({ error: lost }))?.described() as never)
      setImmediate(changed) // rhea is still telling what was settled
    }
  container.on(
    'accepted',
    settle((queue, stored) => queue.waiting.splice(queue.waiting.indexOf(stored), 1)),
  )
  container.on('modified', settle(release))
  container.on('released', settle(release))
  container.on(
    'rejected',
    settle((queue, stored, { remote_state }) => {
      const info = (remote_state as { error?: { info?: Record<string, string> } } | undefined)?.error?.info ?? {}
      bury(queue, stored, String(info.DeadLetterReason ?? ''), String(info.DeadLetterErrorDescription ?? ''))
    }),
  )
  for (const event of [
    'connection_error',
    'session_error',
    'sender_error',
    'receiver_error',
    'protocol_error',
    'error',
  ])
    container.on(event, ({ error }: { error?: Error }) => {
      if (error instanceof Error && !('condition' in error)) console.error('service-bus-double:', event, error)
    })

  const tls = entra && { transport: 'tls', cert: readFileSync(entra.cert), key: readFileSync(entra.key) }
  const server = container.listen({ port: givenPort, host: '127.0.0.1', ...tls } as never) as unknown as Server
  const connections = new Set<{ destroy(): void }>()
  server.on('connection', socket => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  await new Promise<void>(listening => server.once('listening', listening))
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    clearInterval(expiry)
    for (const socket of connections) socket.destroy()
    await new Promise<void>(closed => server.close(() => closed()))
  }
  test.onTestFinished(() => (server.listening ? stop() : undefined))
  return {
    port,
    connectionString: `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=${keyName};SharedAccessKey=${key};UseDevelopmentEmulator=true`,
    queue: queueOf,
    put: (queue, message) => {
      store(queueOf(queue), message)
      changed()
    },
    textOf: message => bodyOf(message).toString(),
    until: holds =>
      new Promise(done => {
        const check = () => {
          if (!holds()) return
          waiters.delete(check)
          done()
        }
        waiters.add(check)
        check()
      }),
    stop,
  }
}

/** ("Service Bus access control with Shared Access Signatures") */
function isValidSignature(token: string): boolean {
  const fields = new URLSearchParams(token.replace(/^SharedAccessSignature /, ''))
  const [resource = '', signature = ''] = [fields.get('sr') ?? '', fields.get('sig') ?? '']
  const expected = createHmac('sha256', key)
    .update(`${encodeURIComponent(resource)}\n${fields.get('se')}`)
    .digest()
  const given = Buffer.from(signature, 'base64')
  const isTimely = Number(fields.get('se')) * 1000 > Date.now()
  return (
    fields.get('skn') === keyName && isTimely && given.length === expected.length && timingSafeEqual(given, expected)
  )
}

/** ("Authenticate an application with Microsoft Entra ID to access Azure Service Bus entities") */
function isValidJwt(token: string, { publicKey }: SigningKey): boolean {
  const [head = '', claims = '', signature = ''] = token.split('.')
  const { aud, nbf, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString())
  const now = Date.now() / 1000
  return (
    verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url')) &&
    /^https:\/\/servicebus\.azure\.net\/?$/.test(aud) &&
    nbf <= now &&
    now < exp
  )
}

function bodyOf({ body }: Message): Buffer {
  const content = (body as { content?: unknown } | undefined)?.content ?? body
  if (Array.isArray(content)) return Buffer.concat(content as Buffer[])
  return Buffer.isBuffer(content) ? content : Buffer.from(String(content))
}

/** rhea gives messages of other formats as bytes. */
function unpackBatch(batch: Message): Message[] {
  const { body } = decode(batch as unknown as Buffer)
  const content = (body as { content: unknown }).content
  return (Array.isArray(content) ? content : [content]).map(each => decode(each as Buffer))
}

const decode = (bytes: Buffer) => rhea.message.decode(bytes) as unknown as Message
