/** The port to web addresses that take events. */
export interface EventSender {
  /** @throws Error whose message says why it was not accepted, without the query of the URL */
  post(url: string, event: string): Promise<void>
}
