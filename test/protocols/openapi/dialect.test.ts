import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import * as z from 'zod'
import { readJsonSchema } from '../../../src/protocols/openapi/declared.ts'
import { type JsonSchema, translate } from '../../../src/protocols/openapi/dialect.ts'
import { decodeVersion } from '../../../src/protocols/openapi/version.ts'

const inVersion = (version: '2' | '3' | '3.1', schema: JsonSchema) => translate(schema, 'ServiceInput', version)

describe('translate', () => {
  it('writes null as each version does', () => {
    // OpenAPI 3.0.3 has `nullable`, and a list of values must hold the null; 2.0 has an extension only.
    const schema = { anyOf: [{ type: 'string', enum: ['f', 'm'] }, { type: 'null' }] }
    assert.deepEqual(inVersion('3', schema)?.schema, { type: 'string', enum: ['f', 'm', null], nullable: true })
    assert.deepEqual(inVersion('2', schema)?.schema, { type: 'string', enum: ['f', 'm', null], 'x-nullable': true })
    assert.deepEqual(inVersion('3.1', schema)?.schema, schema)
    const listed = { type: ['integer', 'null'], minimum: 1 }
    assert.deepEqual(inVersion('3', listed)?.schema, { type: 'integer', minimum: 1, nullable: true })
    assert.deepEqual(inVersion('3', { type: 'null' })?.schema, { type: 'string', enum: [null], nullable: true })
  })

  it('writes limits and constants in older keywords', () => {
    const schema = { type: 'integer', exclusiveMinimum: 0, maximum: 9 }
    for (const version of ['2', '3'] as const) {
      assert.deepEqual(inVersion(version, schema)?.schema, {
        type: 'integer',
        minimum: 0,
        exclusiveMinimum: true,
        maximum: 9,
      })
      assert.deepEqual(inVersion(version, { type: 'string', const: 'x' })?.schema, { type: 'string', enum: ['x'] })
    }
  })

  it('has no version 2.0 of a choice between types', () => {
    for (const schema of [
      { type: ['string', 'number'] },
      { anyOf: [{ type: 'string' }, { type: 'number' }] },
      { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
      { type: 'object', properties: { deep: { type: 'array', items: { oneOf: [{ minimum: 1 }, { maximum: 0 }] } } } },
    ]) {
      assert.equal(inVersion('2', schema), undefined)
      assert.ok(inVersion('3', schema))
      assert.deepEqual(inVersion('3.1', schema)?.schema, schema)
    }
  })

  it('keeps a tuple of one kind in every version', () => {
    const schema = { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], minItems: 2, maxItems: 2 }
    const older = { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 }
    assert.deepEqual(inVersion('2', schema)?.schema, older)
    assert.deepEqual(inVersion('3', schema)?.schema, older)
  })

  it('moves definitions beside the schema and refers to them', () => {
    const node = { type: 'object', properties: { children: { type: 'array', items: { $ref: '#/$defs/a~1b' } } } }
    const schema = { $ref: '#/$defs/a~1b', $defs: { 'a/b': node } }
    const inOther = (ref: string) => ({ ...node, properties: { children: { type: 'array', items: { $ref: ref } } } })
    for (const [version, folder] of [
      ['2', '#/definitions'],
      ['3', '#/components/schemas'],
      ['3.1', '#/components/schemas'],
    ] as const) {
      const ref = `${folder}/ServiceInput.a_b`
      assert.deepEqual(inVersion(version, schema), {
        schema: { $ref: ref },
        definitions: { 'ServiceInput.a_b': inOther(ref) },
      })
      assert.deepEqual(inVersion(version, { items: { $ref: '#' }, type: 'array' })?.schema, {
        type: 'array',
        items: { $ref: `${folder}/ServiceInput` },
      })
    }
  })

  it('writes examples in the keyword of each version', () => {
    const schema = { type: 'object', properties: { example: { type: 'string' } }, example: { example: 'a' } }
    const { example, ...rest } = schema
    assert.deepEqual(inVersion('2', schema)?.schema, schema)
    assert.deepEqual(inVersion('3', schema)?.schema, schema)
    assert.deepEqual(inVersion('3.1', schema)?.schema, { ...rest, examples: [example] })
    const several = { type: 'string', example: 'a', examples: ['b'] }
    assert.deepEqual(inVersion('3', several)?.schema, { type: 'string', example: 'a' })
    assert.deepEqual(inVersion('3.1', several)?.schema, { type: 'string', examples: ['a', 'b'] })
  })

  it('keeps properties named like keywords', () => {
    const schema = { type: 'object', properties: { anyOf: { type: 'string' }, $ref: { type: 'string' } } }
    for (const version of ['2', '3', '3.1'] as const) assert.deepEqual(inVersion(version, schema)?.schema, schema)
  })

  it('drops only the keywords that a version lacks', () => {
    const schema = {
      type: 'object',
      propertyNames: { type: 'string' },
      patternProperties: { '^x': {} },
      additionalProperties: { type: 'number' },
      not: { type: 'string' },
      examples: [{ a: 1 }],
    }
    const kept = { type: 'object', additionalProperties: { type: 'number' }, example: { a: 1 } }
    assert.deepEqual(inVersion('2', schema)?.schema, kept)
    assert.deepEqual(inVersion('3', schema)?.schema, { ...kept, not: { type: 'string' } })
    assert.deepEqual(inVersion('3', { type: 'array' })?.schema, { type: 'array', items: {} })
  })
})

describe('readJsonSchema', () => {
  it("reads zod's schema, leaving open what JSON cannot express", () => {
    const schema = readJsonSchema(z.object({ data: z.array(z.number()), when: z.date().optional() }), 'input')
    assert.deepEqual(schema?.properties, {
      data: { type: 'array', items: { type: 'number', format: 'double' } },
      when: {},
    })
    assert.deepEqual(schema?.required, ['data'])
  })

  it('describes the value before its conversion', () => {
    const schema = readJsonSchema(
      z.object({ age: z.string().transform(Number), limit: z.number().default(1) }),
      'input',
    )
    assert.deepEqual(schema?.required, ['age'])
    assert.deepEqual(schema?.properties, {
      age: { type: 'string' },
      limit: { default: 1, type: 'number', format: 'double' },
    })
  })

  it('adds the formats of Azure ML to numbers, and describes dates in answers as text', () => {
    const schema = z.object({ id: z.int(), age: z.int().min(0).max(150), at: z.date(), big: z.bigint() })
    const numbers = {
      id: { type: 'integer', format: 'int64' },
      age: { type: 'integer', format: 'int64', minimum: 0, maximum: 150 },
    }
    assert.deepEqual(readJsonSchema(schema, 'input')?.properties, { ...numbers, at: {}, big: {} })
    assert.deepEqual(readJsonSchema(schema, 'output')?.properties, {
      ...numbers,
      at: { type: 'string', format: 'date-time' },
      big: { type: 'integer', format: 'int64' },
    })
  })

  it('returns undefined for a library without JSON Schema, or one that fails', () => {
    assert.equal(readJsonSchema(undefined, 'input'), undefined)
    assert.equal(readJsonSchema({ safeParse: () => ({ success: true, data: 1 }) }, 'input'), undefined)
    const failing = {
      '~standard': {
        jsonSchema: {
          input: () => {
            throw new Error('no')
          },
        },
      },
    }
    assert.equal(readJsonSchema(failing, 'input'), undefined)
    // Only plain data may cross to another thread.
    const withFunction = { '~standard': { jsonSchema: { input: () => ({ type: 'object', default: () => 1 }) } } }
    assert.deepEqual(readJsonSchema(withFunction, 'input'), { type: 'object' })
  })
})

describe('decodeVersion', () => {
  it('reads the names of the contract and no others', () => {
    const known = ['2', '2.0', '3', '3.0', '3.1'].map(decodeVersion)
    assert.deepEqual(known, ['2', '2', '3', '3', '3.1'])
    for (const asked of ['', '1', '9', '3.1.0', ' 2', '__proto__']) assert.equal(decodeVersion(asked), undefined)
  })
})
