import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { inferAnswerSchema } from '../../../src/protocols/openapi/answer.ts'
import { encode } from '../../../src/tensor/python-json.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'

const double = { type: 'number', format: 'double' }
const text = { type: 'string' }

describe('inferAnswerSchema', () => {
  it('uses the types that Azure ML gives to Python values', () => {
    // InferenceSchema, `standard_py_parameter_type.py`; recorded in test/fixtures/azureml-swagger.
    assert.deepEqual(inferAnswerSchema({ risk: 0.25, reasons: ['age'], sure: true }), {
      type: 'object',
      required: ['risk', 'reasons', 'sure'],
      properties: { risk: double, reasons: { type: 'array', items: text }, sure: { type: 'boolean' } },
    })
    assert.deepEqual(inferAnswerSchema('text'), text)
    assert.deepEqual(inferAnswerSchema(10n), { type: 'integer', format: 'int64' })
    assert.deepEqual(inferAnswerSchema(new Date(0)), { type: 'string', format: 'date-time' })
  })

  it('describes a whole number as any number', () => {
    assert.deepEqual(inferAnswerSchema([1, 2]), { type: 'array', items: double })
  })

  it('leaves open what is sent as null', () => {
    assert.deepEqual(inferAnswerSchema([1, Number.NaN]), { type: 'array', items: {} })
    assert.deepEqual(inferAnswerSchema(new Float32Array([1, Number.NaN])), { type: 'array', items: {} })
    assert.deepEqual(inferAnswerSchema(new Tensor('float64', new Float64Array([Number.POSITIVE_INFINITY]), [1, 1])), {
      type: 'array',
      items: { type: 'array', items: {} },
      format: 'numpy.ndarray',
    })
  })

  it('describes tensors and typed arrays by their type', () => {
    const answer = {
      labels: Tensor.from('string', ['a']),
      scores: Tensor.from('float32', [[0.5]]),
      ids: new Int32Array(1),
    }
    assert.deepEqual(inferAnswerSchema(answer)?.properties, {
      labels: { type: 'array', items: text, format: 'numpy.ndarray' },
      scores: {
        type: 'array',
        items: { type: 'array', items: { type: 'number', format: 'float' } },
        format: 'numpy.ndarray',
      },
      ids: { type: 'array', items: { type: 'integer', format: 'int32' } },
    })
  })

  it('leaves open what differs between entries of a list', () => {
    assert.deepEqual(inferAnswerSchema([1, 'a']), { type: 'array', items: {} })
    assert.deepEqual(inferAnswerSchema([null, 'a']), { type: 'array', items: {} })
    assert.deepEqual(inferAnswerSchema([]), { type: 'array' })
    assert.deepEqual(inferAnswerSchema([[], [1]]), { type: 'array', items: { type: 'array', items: double } })
    const entries = [{ label: 'a', score: 1 }, { label: 'b' }, { label: 'c', score: 'none', why: 'x' }]
    assert.deepEqual(inferAnswerSchema(entries)?.items, {
      type: 'object',
      required: ['label'],
      properties: { label: text, score: {}, why: text },
    })
  })

  it('has no schema for a response, and an object for an absent answer', () => {
    assert.equal(inferAnswerSchema(Response.json({})), undefined)
    assert.deepEqual(inferAnswerSchema(undefined), { type: 'object' })
    assert.deepEqual(inferAnswerSchema(null), { type: 'object' })
  })

  it('describes a large object as a map', () => {
    const table = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index]))
    assert.deepEqual(inferAnswerSchema(table), { type: 'object', additionalProperties: double })
  })

  it('accepts the answer it was inferred from', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true })
    fc.assert(
      fc.property(fc.jsonValue(), answer => {
        const schema = inferAnswerSchema(answer)
        const sent = JSON.parse(encode(answer ?? {}))
        assert.ok(ajv.compile(schema as object)(sent), `${JSON.stringify(schema)} refuses ${JSON.stringify(sent)}`)
      }),
    )
  })
})
