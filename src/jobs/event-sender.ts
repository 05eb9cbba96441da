/** What became of an attempt to send an event; `given_up`: it failed, and was the last. */
export type EventOutcome = 'delivered' | 'failed' | 'given_up'

/** The port to web addresses that take events. */
export interface EventSender {
  /** @throws Error whose message says why it was not accepted, without the query of the URL */
  post(url: string, event: string): Promise<void>
}
