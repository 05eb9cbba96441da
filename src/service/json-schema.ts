/** `service.json`'s schema as JSON Schema, for editors: `node src/service/json-schema.ts` writes it to `models/`. */
import { writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { ServiceDefinition } from './definition.ts'

/** JSON Schema, draft 2020-12, of what people write: keys with a default are optional. */
export function serviceJsonSchema(): string {
  const schema = z.toJSONSchema(ServiceDefinition, { io: 'input' })
  return `${JSON.stringify({ title: 'Scoring service', ...schema }, null, 2)}\n`
}

if (import.meta.main) await writeFile(new URL('../../models/service.schema.json', import.meta.url), serviceJsonSchema())
