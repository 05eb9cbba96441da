import { channel } from 'node:diagnostics_channel'

export interface SentMessage {
  readonly queueName: string
}

/**
 * Tells listeners in this thread that a queue has a message: the embedded host polls the queue at once. Azure's host has no
 * listener.
 */
export const sentMessages = channel('scoring-functions.queue-message')
