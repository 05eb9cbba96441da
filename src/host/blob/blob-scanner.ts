import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { BlobPattern } from './blob-trigger.ts'
import type { HostBlobs } from './blobs.ts'

/** The message about a blob, in the host's own queue and in the poison queue. (sdk BlobTriggerMessage) */
export interface BlobMessage {
  readonly Type: 'BlobTrigger'
  readonly FunctionId: string
  readonly BlobType: 'BlockBlob'
  readonly ContainerName: string
  readonly BlobName: string
  readonly ETag: string
}

export interface BlobScannerOptions {
  /** e.g. `Host.Functions.blob-trigger-iris` */
  readonly functionId: string
  readonly pattern: BlobPattern
  readonly blobs: HostBlobs
  readonly send: (message: BlobMessage) => Promise<void>
  readonly pauseMs: number
  readonly clock: Clock
  readonly warn: (text: string) => void
}

const receiptContainer = 'azure-webjobs-hosts'

/**
 * Finds new and changed blobs by listing their container, those that were there before the host started as well, and sends a message
 * for each version. A receipt remembers that, written after the message: a crash between the two sends it again. Azure's host reads
 * the logs of the storage beside its lists, for the same blobs. (sdk BlobListener, BlobReceiptManager)
 */
export class BlobScanner {
  readonly #options: BlobScannerOptions
  /** Versions that have their receipt, by name. */
  #seen = new Map<string, string>()
  #isStopping = false
  #isReachable = true
  #endPause: () => void = () => {}
  #scanning: Promise<void> = Promise.resolve()

  constructor(options: BlobScannerOptions) {
    this.#options = options
  }

  start(): void {
    this.#scanning = this.#scanForever()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#endPause()
    await this.#scanning
  }

  async #scanForever(): Promise<void> {
    const { pattern, warn } = this.#options
    while (!this.#isStopping) {
      try {
        await this.scan()
        if (!this.#isReachable) warn(`Container '${pattern.container}' can be read again.`)
        this.#isReachable = true
      } catch (error) {
        if (this.#isReachable)
          warn(`Container '${pattern.container}' cannot be read: ${(error as Error).message}. Retrying until it can.`)
        this.#isReachable = false
      }
      await this.#pause()
    }
  }

  /** @throws StorageFault; what was not seen is found by the next scan */
  async scan(): Promise<void> {
    const { functionId, pattern, blobs, send } = this.#options
    const { container, prefix } = pattern
    const seen = new Map<string, string>()
    for await (const { name, etag } of blobs.list(container, prefix)) {
      if (this.#isStopping) return
      if (pattern.match(name) === undefined) continue
      if (this.#seen.get(name) !== etag) {
        const receipt = receiptName(functionId, { container, name, etag })
        if (!(await blobs.exists(receiptContainer, receipt))) {
          const blob = { ContainerName: container, BlobName: name, ETag: etag }
          await send({ Type: 'BlobTrigger', FunctionId: functionId, BlobType: 'BlockBlob', ...blob })
          await blobs.write(receiptContainer, receipt, new Uint8Array())
        }
      }
      this.#seen.set(name, etag) // also when the scan fails later
      seen.set(name, etag)
    }
    this.#seen = seen // without those that are gone
  }

  async #pause(): Promise<void> {
    if (this.#isStopping) return
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(this.#options.pauseMs, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }
}

/** Names of blobs may be as long as a name can be, so the receipt has a digest. */
function receiptName(functionId: string, blob: { container: string; name: string; etag: string }): string {
  const digest = createHash('sha256').update(JSON.stringify(blob)).digest('hex')
  return `blobreceipts/${functionId}/${blob.container}/${digest}`
}
