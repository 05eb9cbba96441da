import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import * as z from 'zod'
import { readJsonSchema } from '../../../src/protocols/openapi/declared.ts'
import { translate } from '../../../src/protocols/openapi/dialect.ts'

/** Azure ML's words (InferenceSchema, `standard_py_parameter_type.py`): date-time, date, time and byte. */
describe('readJsonSchema', () => {
  it('describes times and bytes by their format only', () => {
    const declared = z.object({
      at: z.iso.datetime(),
      on: z.iso.date(),
      image: z.base64(),
      code: z.string().regex(/^a/),
    })
    const schema = readJsonSchema(declared, 'input') ?? {}
    const times = { at: { type: 'string', format: 'date-time' }, on: { type: 'string', format: 'date' } }
    const code = { type: 'string', pattern: '^a' }
    for (const version of ['2', '3'] as const) {
      assert.deepEqual(translate(schema, 'ServiceInput', version)?.schema.properties, {
        ...times,
        image: { type: 'string', format: 'byte' },
        code,
      })
    }
    // OpenAPI 3.1 has JSON Schema's own word.
    assert.deepEqual(translate(schema, 'ServiceInput', '3.1')?.schema.properties, {
      ...times,
      image: { type: 'string', format: 'base64', contentEncoding: 'base64' },
      code,
    })
  })
})
