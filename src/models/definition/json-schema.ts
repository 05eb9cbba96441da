import * as z from 'zod'
import { ServiceDefinition } from './definition.ts'

/** `service.json`'s schema as JSON Schema, draft 2020-12, for editors: keys with a default are optional. */
export function serviceJsonSchema(): string {
  const schema = z.toJSONSchema(ServiceDefinition, { io: 'input' })
  return `${JSON.stringify({ title: 'Scoring service', ...schema }, null, 2)}\n`
}
