import { createHash } from 'node:crypto'
import type { FunctionRunner } from '../app/function-runner.ts'
import type { Trigger } from '../app/triggers.ts'
import type { Clock } from '../clock.ts'
import { formatDateTimeOffset } from '../dotnet-time.ts'
import { handlerInput } from '../queue/message-input.ts'
import type { Queue } from '../queue/queue.ts'
import { QueueListener } from '../queue/queue-listener.ts'
import type { QueueSettings } from '../queue/queue-settings.ts'
import { type BlobMessage, BlobScanner } from './blob-scanner.ts'
import type { BlobSettings } from './blob-settings.ts'
import type { BlobTrigger } from './blob-trigger.ts'
import type { HostBlob, HostBlobs } from './blobs.ts'

export interface BlobContext {
  readonly blobs: HostBlobs
  readonly openQueue: (name: string) => Queue
  readonly settings: BlobSettings
  readonly queueSettings: QueueSettings
  readonly invisibleMs: number
  readonly clock: Clock
  readonly warn: (text: string) => void
  /** Called when a message was written to this queue. */
  readonly onWritten: (queueName: string) => void
}

/** To which the host of Azure moves messages about blobs whose function failed too often. */
const blobPoisonQueue = 'webjobs-blobtrigger-poison'

/** Runs the function of a blob trigger: a scanner finds blobs, and a queue of the host's own has a message for each until it is done. */
export class BlobListener {
  readonly #blobTrigger: BlobTrigger
  readonly #runner: FunctionRunner
  readonly #context: BlobContext
  readonly #scanner: BlobScanner
  readonly #queue: QueueListener
  /** The end of the latest run of each blob that runs now. */
  readonly #last = new Map<string, Promise<void>>()

  constructor(blobTrigger: BlobTrigger, runner: FunctionRunner, context: BlobContext) {
    this.#blobTrigger = blobTrigger
    this.#runner = runner
    this.#context = context
    const { trigger, pattern } = blobTrigger
    const { blobs, openQueue, queueSettings, clock, warn } = context
    const functionId = `Host.Functions.${trigger.fn.name}`
    const queue = openQueue(controlQueueName(functionId, pattern.container))
    const encode = (text: string) =>
      queueSettings.messageEncoding === 'base64' ? Buffer.from(text).toString('base64') : text
    this.#queue = this.#listenTo(queue)
    this.#scanner = new BlobScanner({
      functionId,
      pattern,
      blobs,
      pauseMs: queueSettings.maxPollingIntervalMs,
      clock,
      warn,
      send: async message => {
        await queue.send(encode(JSON.stringify(message)))
        this.#queue.wake()
      },
    })
  }

  #listenTo(queue: Queue): QueueListener {
    const { openQueue, settings, queueSettings, invisibleMs, clock, warn, onWritten } = this.#context
    return new QueueListener({
      queue,
      poison: openQueue(blobPoisonQueue),
      settings: {
        ...queueSettings,
        batchSize: Math.min(32, settings.maxDegreeOfParallelism),
        newBatchThreshold: Math.max(0, settings.maxDegreeOfParallelism - 1),
        maxDequeueCount: settings.poisonBlobThreshold,
        visibilityTimeoutMs: 0,
      },
      invisibleMs,
      clock,
      warn,
      random: Math.random,
      onPoison: () => onWritten(blobPoisonQueue),
      run: (_, text) => {
        const message = JSON.parse(text) as BlobMessage
        return this.#oneByOne(message.BlobName, () => this.#run(message))
      },
    })
  }

  /** @returns whether the message is done */
  async #run({ BlobName, ETag }: BlobMessage): Promise<boolean> {
    const { trigger, pattern } = this.#blobTrigger
    const variables = pattern.match(BlobName)
    const blob = variables && (await this.#read(BlobName))
    if (blob === 'unread') return false
    // It is gone, or replaced: the new version has a message of its own.
    if (blob === undefined || variables === undefined || blob.etag !== ETag) return true
    const path = `${pattern.container}/${BlobName}`
    return this.#runner.run({
      reason: `New blob detected(BlobTrigger): ${path}`,
      input: makeInput(trigger, path, blob),
      triggerMetadata: { ...variables, ...describeBlob(path, blob) },
    })
  }

  start(): void {
    this.#queue.start()
    this.#scanner.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#scanner.stop(), this.#queue.stop()])
  }

  /** Runs the versions of a blob one after the other: the output of an older one must not be written over that of a newer one. */
  async #oneByOne(name: string, run: () => Promise<boolean>): Promise<boolean> {
    const before = this.#last.get(name)
    const result = (before ?? Promise.resolve()).then(run)
    const ended = result.then(
      () => {},
      () => {},
    )
    this.#last.set(name, ended)
    try {
      return await result
    } finally {
      if (this.#last.get(name) === ended) this.#last.delete(name)
    }
  }

  async #read(name: string): Promise<HostBlob | undefined | 'unread'> {
    const { trigger, pattern } = this.#blobTrigger
    const { blobs, warn } = this.#context
    try {
      return await blobs.read(pattern.container, name, { hasContent: !takesReference(trigger) })
    } catch (error) {
      warn(`Blob ${JSON.stringify(`${pattern.container}/${name}`)} cannot be read: ${(error as Error).message}`)
      return 'unread'
    }
  }
}

/** Whether the function gets a reference to its blob, whose content is not read (lib: `sdkBinding`). */
function takesReference({ binding }: Trigger): boolean {
  return (binding.properties as { supportsDeferredBinding?: unknown } | undefined)?.supportsDeferredBinding === 'true'
}

function makeInput(trigger: Trigger, path: string, { content }: HostBlob): unknown {
  const { binding } = trigger
  if (!takesReference(trigger)) return binding.dataType === 'string' ? handlerInput(content.toString()) : content
  const slash = path.indexOf('/')
  // As Azure's host writes it. (ParameterBindingData of the storage extension)
  const reference = {
    Connection: binding.connection,
    ContainerName: path.slice(0, slash),
    BlobName: path.slice(slash + 1),
  }
  return {
    version: '1.0',
    source: 'AzureStorageBlobs',
    contentType: 'application/json',
    content: Buffer.from(JSON.stringify(reference)),
  }
}

/** A queue for each function, whose name has a limit of 63 characters. */
function controlQueueName(functionId: string, container: string): string {
  const digest = createHash('sha256').update(`${functionId}\n${container}`).digest('hex')
  return `azure-webjobs-blobtrigger-${digest.slice(0, 24)}`
}

/** The `triggerMetadata` of a blob, with the names that the library gives it. */
function describeBlob(path: string, { uri, bytes, contentType, contentEncoding, lastModified, metadata }: HostBlob) {
  return {
    blobTrigger: path,
    uri,
    properties: {
      contentType,
      contentEncoding,
      contentLength: bytes,
      lastModified: lastModified && formatDateTimeOffset(lastModified),
    },
    metadata,
  }
}
