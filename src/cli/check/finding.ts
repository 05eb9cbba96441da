export const levels = ['ok', 'warning', 'error'] as const
export type Level = (typeof levels)[number]

/** One fact that a check found. */
export interface Finding {
  readonly level: Level
  /** What it is about, in a word: `model`, `sample`. */
  readonly topic: string
  /** A sentence; of a warning or an error it says what to do. */
  readonly text: string
}

export function ok(topic: string, text: string): Finding {
  return { level: 'ok', topic, text }
}

export function warning(topic: string, text: string): Finding {
  return { level: 'warning', topic, text }
}

export function error(topic: string, text: string): Finding {
  return { level: 'error', topic, text }
}
