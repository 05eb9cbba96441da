import { type FileVersions, isSame } from './store-changes.ts'

/**
 * The files of a service as they were when it was opened. Its workers start one after the other, and read the files each time:
 * where those have changed meanwhile, and no changed service has replaced this one, its workers may differ.
 */
export class OpenedFiles {
  readonly #opened: FileVersions
  readonly #read: () => Promise<FileVersions>
  #isAltered = false

  /**
   * @param opened  the files, read before the service was opened
   * @param read  reads them as they are now
   */
  constructor(opened: FileVersions, read: () => Promise<FileVersions>) {
    this.#opened = opened
    this.#read = read
  }

  /** Whether anything has been read that may differ from what the service was opened from. */
  get isAltered(): boolean {
    return this.#isAltered
  }

  /** To be called after the files have been read. */
  async verify(): Promise<void> {
    if (this.#isAltered) return
    const now = await this.#read().catch(() => undefined) // the service may be gone
    if (!isSame(this.#opened, now)) this.#isAltered = true
  }
}
