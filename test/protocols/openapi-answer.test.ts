import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { schemaOfAnswer } from '../../src/protocols/openapi-answer.ts'
import { encode } from '../../src/tensor/python-json.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const double = { type: 'number', format: 'double' }
const doubleOrNull = { type: ['number', 'null'], format: 'double' }
const text = { type: 'string' }
const exactly = (answer: unknown) => schemaOfAnswer(answer, false)

describe('schemaOfAnswer', () => {
  it('has the types that Azure ML gives to Python values', () => {
    // InferenceSchema, `standard_py_parameter_type.py`; recorded in test/fixtures/azureml-swagger.
    assert.deepEqual(exactly({ risk: 0.25, reasons: ['age'], sure: true }), {
      type: 'object',
      required: ['risk', 'reasons', 'sure'],
      properties: { risk: double, reasons: { type: 'array', items: text }, sure: { type: 'boolean' } },
    })
    assert.deepEqual(exactly('text'), text)
    assert.deepEqual(exactly(10n), { type: 'integer', format: 'int64' })
    assert.deepEqual(exactly(new Date(0)), { type: 'string', format: 'date-time' })
  })

  it('takes a whole number for one that may be a fraction next time, and that may be missing', () => {
    assert.deepEqual(exactly([1, 2]), { type: 'array', items: double })
    assert.deepEqual(schemaOfAnswer([1, Number.NaN], true), { type: 'array', items: doubleOrNull })
  })

  it('knows tensors and typed arrays by their type', () => {
    const answer = {
      labels: Tensor.from('string', ['a']),
      scores: Tensor.from('float32', [[0.5]]),
      ids: new Int32Array(1),
    }
    assert.deepEqual(schemaOfAnswer(answer, true)?.properties, {
      labels: { type: 'array', items: text, format: 'numpy.ndarray' },
      scores: {
        type: 'array',
        items: { type: 'array', items: { type: ['number', 'null'], format: 'float' } },
        format: 'numpy.ndarray',
      },
      ids: { type: 'array', items: { type: 'integer', format: 'int32' } },
    })
  })

  it('leaves open what differs between entries of a list', () => {
    assert.deepEqual(exactly([1, 'a']), { type: 'array', items: {} })
    assert.deepEqual(exactly([null, 'a']), { type: 'array', items: {} })
    assert.deepEqual(exactly([]), { type: 'array' })
    assert.deepEqual(exactly([[], [1]]), { type: 'array', items: { type: 'array', items: double } })
    const entries = [{ label: 'a', score: 1 }, { label: 'b' }, { label: 'c', score: 'none', why: 'x' }]
    assert.deepEqual(exactly(entries)?.items, {
      type: 'object',
      required: ['label'],
      properties: { label: text, score: {}, why: text },
    })
  })

  it('says nothing of a response, and takes nothing for the empty object that is sent', () => {
    assert.equal(exactly(Response.json({})), undefined)
    assert.deepEqual(exactly(undefined), { type: 'object' })
    assert.deepEqual(exactly(null), { type: 'object' })
  })

  it('stays small for a table by keys', () => {
    const table = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index]))
    assert.deepEqual(exactly(table), { type: 'object', additionalProperties: double })
  })

  it('takes the answer it was read off, whatever that is', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (answer, mayBeNull) => {
        const schema = schemaOfAnswer(answer, mayBeNull)
        const sent = JSON.parse(encode(answer ?? {}))
        assert.ok(ajv.compile(schema as object)(sent), `${JSON.stringify(schema)} refuses ${JSON.stringify(sent)}`)
      }),
    )
  })
})
