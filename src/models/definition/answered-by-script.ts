// Apart from the schema, because scoring threads need this and have no zod: loading that takes 40 ms of a cold start.
import type { ServiceDefinition } from './definition.ts'

/** Whether the owner's code gives the answers, whose types only that code knows. */
export function isAnsweredByScript({ entryScript, stages }: ServiceDefinition): boolean {
  return entryScript !== undefined || stages?.at(-1)?.script !== undefined
}
