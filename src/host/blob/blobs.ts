/** A blob, with its content. */
export interface HostBlob {
  /** Empty if it was not asked for. */
  readonly content: Buffer
  readonly bytes: number
  readonly etag: string
  readonly uri: string
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly lastModified: Date | undefined
  readonly metadata: Readonly<Record<string, string>>
}

/** Port: the blobs of one account. Every call fails with an error that may be logged. Implemented by `azure-blobs.ts`. */
export interface HostBlobs {
  /** A container that does not exist has none. */
  list(container: string, prefix: string): AsyncIterable<{ readonly name: string; readonly etag: string }>
  /** @returns undefined when there is no such blob */
  read(container: string, name: string, options: { readonly hasContent: boolean }): Promise<HostBlob | undefined>
  exists(container: string, name: string): Promise<boolean>
  /** Overwrites; creates the container when it is missing. */
  write(container: string, name: string, content: Uint8Array): Promise<void>
}
