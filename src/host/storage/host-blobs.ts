/** What this process holds alone until it lets go, or stops renewing. */
export interface BlobLease {
  /** @returns false when it is lost */
  renew(): Promise<boolean>
  release(): Promise<void>
}

/**
 * The host's own blobs, in container `azure-webjobs-hosts` as those of the real host. Port: `azure-host-blobs.ts`; every call
 * fails with a `StorageFault` that may be logged.
 */
export interface HostBlobs {
  /**
   * @param seconds  15 to 60, the limits of the service
   * @returns undefined when somebody else has it
   */
  lease(path: string, seconds: number): Promise<BlobLease | undefined>
  /** @returns undefined when there is none, or it is no JSON */
  readJson(path: string): Promise<unknown>
  writeJson(path: string, value: object): Promise<void>
}
