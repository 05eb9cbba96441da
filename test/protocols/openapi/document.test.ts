import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { Deployments } from '../../../src/inference/deployments.ts'
import { ScoringService } from '../../../src/inference/scoring-service.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import type { LoadReport } from '../../../src/models/session/load-report.ts'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import { availableVersions, describeService } from '../../../src/protocols/openapi/document.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import type { ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly description?: string
  readonly type?: string
  readonly schema?: { readonly type?: string }
}

interface Described {
  readonly paths: Record<string, { readonly post?: { readonly parameters?: readonly Parameter[] } }>
}

interface Swagger {
  readonly definitions: Record<string, Record<string, unknown>>
}

const tensor = (name: string, dtype: Dtype, ...shape: (number | string)[]): TensorInfo => ({ name, dtype, shape })

function serviceWith(report: Partial<LoadReport>, definition: object = {}): [ScoringService, LoadReport] {
  const whole: LoadReport = {
    scriptKind: 'typed',
    executionProvider: 'cpu',
    inputs: [],
    outputs: [],
    takesHeaders: false,
    isBatchable: false,
    notes: [],
    loadMs: 0,
    warmUpMs: 0,
    ...report,
  }
  const engine = { kind: 'scheduler' as const, scheduler: { report: whole } as unknown as ServiceScheduler }
  const parsed = ServiceDefinition.parse(definition)
  return [new ScoringService({ name: 'sut', definition: parsed, authorizer: undefined, engine }), whole]
}

/** `ServiceInput` and `ServiceOutput` as Swagger 2.0 has them. */
function describePayload(report: Partial<LoadReport>, definition: object = {}): [input: unknown, output: unknown] {
  const described = describeService(...serviceWith(report, definition), '2') as Swagger
  return [described.definitions.ServiceInput, described.definitions.ServiceOutput]
}

const open = { type: 'object', example: {} }
const entryScript = 'score.ts'

describe('describeService', () => {
  it('nests lists by rank, with the types of the contract', () => {
    // Azure ML contract, section 6; the integers from InferenceSchema, `_swagger_from_dtype.py`.
    const scalars: [Dtype, object, unknown][] = [
      ['int64', { type: 'integer', format: 'int64' }, 0],
      ['uint8', { type: 'integer', format: 'uint8' }, 0],
      ['float64', { type: 'number', format: 'double', 'x-nullable': true }, 0],
      ['float32', { type: 'number', format: 'float', 'x-nullable': true }, 0],
      ['float16', { type: 'number', format: 'float', 'x-nullable': true }, 0],
      ['bool', { type: 'boolean' }, false],
      ['string', { type: 'string' }, ''],
    ]
    for (const [dtype, items, zero] of scalars) {
      const data = {
        type: 'array',
        items: { type: 'array', items },
        description: `${dtype}, shape [rows, 2]`,
        format: 'numpy.ndarray',
      }
      const [input] = describePayload({ inputs: [tensor('x', dtype, 'rows', 2)] })
      assert.deepEqual(input, { type: 'object', properties: { data }, example: { data: [[zero, zero]] } })
    }
  })

  it('uses the sample as example, with as many rows in the answer', () => {
    const inputs = [tensor('x', 'float32', 'batch', 2)]
    const outputs = [tensor('y', 'float32', 'batch', 1)]
    for (const inputSample of ['{"data": [[1, 2], [3, 4]], "more": 1}', '{"data": {"x": [[1, 2], [3, 4]]}}']) {
      const [input, output] = describePayload({ inputs, outputs, inputSample }) as { example: unknown }[]
      assert.deepEqual(input?.example, {
        data: [
          [1, 2],
          [3, 4],
        ],
      })
      assert.deepEqual(output?.example, [[0], [0]])
    }
  })

  it('names several inputs and outputs, all of them required', () => {
    const tensors = [tensor('ids', 'int64', 'batch', 'length'), tensor('scale', 'float64')]
    const literal = { missing: 'error', response: { nonFinite: 'literal' } }
    const [input, output] = describePayload({ inputs: tensors, outputs: tensors }, literal)
    const data = {
      type: 'object',
      required: ['ids', 'scale'],
      properties: {
        ids: {
          type: 'array',
          items: { type: 'array', items: { type: 'integer', format: 'int64' } },
          description: 'int64, shape [batch, length]',
          format: 'numpy.ndarray',
        },
        scale: { type: 'number', format: 'double', description: 'float64, shape []' },
      },
    }
    const example = { ids: [[0]], scale: 0 }
    assert.deepEqual(input, { type: 'object', properties: { data }, example: { data: example } })
    assert.deepEqual(output, { ...data, example })
  })

  it('describes rows of named values as records, whose floats may be missing', () => {
    const inputs = [tensor('age', 'float32', 'rows', 1), tensor('sex', 'string', 'rows', 1)]
    const outputs = [tensor('label', 'int64', 'rows')]
    const items = (mayBeMissing: object) => ({
      type: 'object',
      required: ['age', 'sex'],
      properties: { age: { type: 'number', format: 'float', ...mayBeMissing }, sex: { type: 'string' } },
    })
    const inputIn = (version: '2' | '3' | '3.1', report: Partial<LoadReport>, definition: object = {}) => {
      const described = describeService(...serviceWith(report, definition), version) as Swagger & {
        components: { schemas: Swagger['definitions'] }
      }
      const { properties, ...rest } = (described.definitions ?? described.components.schemas).ServiceInput as {
        properties: { data: Record<string, unknown> }
      }
      const { description, ...data } = properties.data
      return { ...rest, data }
    }
    const example = { data: [{ age: 0, sex: '' }] }
    const type = 'object'
    const records = (mayBeMissing: object) => ({ type: 'array', items: items(mayBeMissing) })
    const nullable = { 'x-nullable': true }
    assert.deepEqual(inputIn('2', { inputs }), { type, data: records(nullable), example })
    assert.deepEqual(inputIn('2', { inputs }, { missing: 'error' }), { type, data: records({}), example })
    assert.deepEqual(inputIn('3', { inputs }), { type, data: records({ nullable: true }), example })
    const { data } = inputIn('3.1', { inputs }) as unknown as { data: { anyOf: unknown[] } }
    assert.deepEqual(data.anyOf[0], records({ type: ['number', 'null'] }))
    assert.deepEqual(data.anyOf[2], items({ type: ['number', 'null'] }))

    // The owner's sample, in whichever form it is.
    for (const sample of [[{ age: 1, sex: 'f' }], [[1, 'f']], { age: [1], sex: ['f'] }, { age: [[1]], sex: [['f']] }]) {
      const [input, output] = describePayload({ inputs, outputs, inputSample: JSON.stringify({ data: sample }) }) as {
        example: unknown
      }[]
      assert.deepEqual(input?.example, { data: [{ age: 1, sex: 'f' }] })
      assert.deepEqual(output?.example, [0])
    }

    const wide = { inputs: [tensor('x', 'int64', 'rows', 2)] }
    const named = { type: 'integer', format: 'int64' }
    assert.deepEqual(inputIn('2', wide, { input: { columns: ['a', 'b'] } }), {
      type,
      data: { type: 'array', items: { type, required: ['a', 'b'], properties: { a: named, b: named } } },
      example: { data: [{ a: 0, b: 0 }] },
    })
  })

  it('says only in descriptions that floats of the answer may be null, and has the schema of Azure ML', () => {
    const outputIn = (version: '2' | '3' | '3.1', dtype: Dtype, definition: object = {}) => {
      const sut = serviceWith({ outputs: [tensor('y', dtype, 'rows')] }, definition)
      const described = describeService(...sut, version) as Swagger & {
        components: { schemas: Swagger['definitions'] }
      }
      return (described.definitions ?? described.components.schemas).ServiceOutput
    }
    for (const dtype of ['float16', 'float32', 'float64'] as const) {
      const number = { type: 'number', format: dtype === 'float64' ? 'double' : 'float' }
      for (const version of ['2', '3', '3.1'] as const) {
        // Recorded in test/fixtures/azureml-swagger; with entries that may be null, clients made by OpenAPI Generator
        // 7.10 to 7.20 fail on every answer.
        assert.deepEqual(outputIn(version, dtype)?.items, number)
        assert.match(String(outputIn(version, dtype)?.description), /; null: NaN or an infinity$/)
        assert.doesNotMatch(
          String(outputIn(version, dtype, { response: { nonFinite: 'literal' } })?.description),
          /null/,
        )
      }
    }
    assert.deepEqual(outputIn('3', 'int32')?.items, { type: 'integer', format: 'int32' })
    assert.doesNotMatch(String(outputIn('3', 'int32')?.description), /null/)
  })

  it('lists the media types that a service accepts besides JSON', () => {
    // OpenAPI 3.0.3, "Considerations for File Uploads"; 3.1.0, the same.
    const scoreOf = (version: '2' | '3' | '3.1', report: Partial<LoadReport>) => {
      const described = describeService(...serviceWith(report), version) as {
        paths: Record<string, { post: { consumes?: string[]; requestBody: { content: object } } }>
      }
      return described.paths['/api/v1/service/sut/score']?.post
    }
    const images = { mediaTypes: ['image/png', 'image/jpeg'] }
    // Version 2 has one schema for all media types, and ours is that of the JSON.
    assert.equal(scoreOf('2', images)?.consumes, undefined)
    const json = { schema: { $ref: '#/components/schemas/ServiceInput' } }
    const bytes = { schema: { type: 'string', format: 'binary' } }
    assert.deepEqual(scoreOf('3', images)?.requestBody.content, {
      'application/json': json,
      'image/png': bytes,
      'image/jpeg': bytes,
    })
    assert.deepEqual(scoreOf('3.1', { mediaTypes: ['application/x-npy'] })?.requestBody.content, {
      'application/json': json,
      'application/x-npy': { schema: {} },
    })
  })

  it('shows the answer to the sample', () => {
    const outputs = [tensor('y', 'float64', 'rows')]
    const outputSample = '[217.67978776218715, 224.78937091757172]'
    const [, output] = describePayload({ outputs, outputSample }) as { example: unknown }[]
    assert.deepEqual(output?.example, [217.67978776218715, 224.78937091757172])
  })

  it('describes the answer of a script as declared, or as inferred from the answer to its sample', () => {
    const outputJsonSchema = { type: 'array', items: { type: 'string' } }
    const report = { scriptKind: 'raw', outputJsonSchema, outputSample: '["setosa", 1.0]' } as const
    assert.deepEqual(describePayload(report, { entryScript })[1], { ...outputJsonSchema, example: ['setosa', 1] })
    const [, text] = describePayload(report, { entryScript, response: { encoding: 'json-string' } })
    assert.deepEqual(text, { type: 'string', example: '["setosa", 1.0]' })
  })

  it('describes probabilities by class as objects, and a list of tensors as a list of tensors', () => {
    const inputs = [tensor('x', 'float32', 'n', 2)]
    const byClass: TensorInfo = { ...tensor('scores', 'float32', 'n', 2), classes: ['no', 'yes'] }
    const [, output] = describePayload({ inputs, outputs: [byClass] }, { response: { nonFinite: 'literal' } })
    const number = { type: 'number', format: 'float' }
    assert.deepEqual(output, {
      type: 'array',
      items: { type: 'object', required: ['no', 'yes'], properties: { no: number, yes: number } },
      description: 'float32, by class',
      example: [{ no: 0, yes: 0 }],
    })
    const entry = (index: number): TensorInfo => ({ ...tensor(`all[${index}]`, 'int64', 'n'), list: 'all' })
    const [, several] = describePayload({ inputs, outputs: [tensor('label', 'int64', 'n'), entry(0), entry(1)] })
    const integers = {
      type: 'array',
      items: { type: 'integer', format: 'int64' },
      format: 'numpy.ndarray',
      description: 'int64, shape [n]',
    }
    assert.deepEqual(several, {
      type: 'object',
      required: ['label', 'all'],
      properties: { label: integers, all: { type: 'array', items: integers, description: '2 tensors' } },
      example: { label: [0], all: [[0], [0]] },
    })
  })

  it('describes optional inputs, with all inputs by name', () => {
    const optionalInputs = [tensor('offset', 'float32', 1)]
    const inputs = [tensor('x', 'float32', 'n')]
    const [input] = describePayload({ inputs, optionalInputs, outputs: inputs })
    const { required, properties } = (input as { properties: { data: { required: string[]; properties: object } } })
      .properties.data
    assert.deepEqual([required, Object.keys(properties)], [['x'], ['x', 'offset']])
    assert.deepEqual((input as { example: unknown }).example, { data: { x: [0] } })
  })

  it('says that an example only shows the form if it could not be scored', () => {
    const described = (report: Partial<LoadReport>) =>
      JSON.stringify(describeService(...serviceWith({ inputs: [tensor('x', 'float32', 'n')], ...report }), '3'))
    assert.match(described({}), /The example only shows the form/)
    assert.match(described({ inputSample: '{"data": [7]}', isSampleScored: false }), /The example only shows the form/)
    assert.doesNotMatch(described({ inputSample: '{"data": [7]}', isSampleScored: true }), /form only/)
  })

  it('omits examples of megabytes', () => {
    const images = [tensor('x', 'float32', -1, 3, 224, 224)]
    const [input] = describePayload({
      inputs: images,
      outputs: images,
      inputSample: `{"data": "${'x'.repeat(100_000)}"}`,
    })
    assert.equal(JSON.stringify(input).includes('example'), false)
    assert.ok(JSON.stringify(describePayload({ inputs: [tensor('x', 'float32', 2 ** 40)] })).length < 1000)
  })

  it('leaves a script without declarations open, and shows its sample', () => {
    for (const scriptKind of ['raw', 'rawHttp'] as const) {
      assert.deepEqual(describePayload({ scriptKind }, { entryScript }), [open, open])
      assert.deepEqual(describePayload({ scriptKind, inputSample: 'a,b\n1,2' }, { entryScript })[0], open)
    }
    const [input] = describePayload({ scriptKind: 'raw', inputSample: '{"data": [1]}' }, { entryScript })
    assert.deepEqual(input, { type: 'object', example: { data: [1] } })
    const [list] = describePayload({ scriptKind: 'raw', inputSample: '[1]' }, { entryScript })
    assert.deepEqual(list, { type: 'array', items: {}, example: [1] })
  })

  it('uses the schema that a script declares, whatever models it loads', () => {
    const inputJsonSchema = { type: 'object', properties: { Inputs: { type: 'object' } }, required: ['Inputs'] }
    const report = { inputs: [tensor('x', 'float32', 1)], inputJsonSchema }
    assert.deepEqual(describePayload(report, { entryScript }), [inputJsonSchema, open])
    const [input] = describePayload({ ...report, inputSample: '{"Inputs": {}}' }, { entryScript })
    assert.deepEqual(input, { ...inputJsonSchema, example: { Inputs: {} } })
  })

  it('describes an answer that is a string of JSON as a string', () => {
    const report = { inputs: [tensor('x', 'float32', 'b')], outputs: [tensor('y', 'int32', 'b')] }
    const [, output] = describePayload(report, { response: { encoding: 'json-string' } })
    assert.deepEqual(output, { type: 'string', example: '[0]' })
  })

  it('has no version 2 of an input that it cannot express', () => {
    const inputJsonSchema = { type: 'object', properties: { a: { type: ['string', 'number'] } } }
    const sut = serviceWith({ inputJsonSchema }, { entryScript })
    assert.equal(describeService(...sut, '2'), undefined)
    assert.deepEqual(availableVersions(...sut), ['3', '3.1'])
    assert.deepEqual(availableVersions(...serviceWith({ inputs: [tensor('x', 'float32', 1)] })), ['2', '3', '3.1'])
  })

  it('speaks of the service, in the words of its owner', () => {
    const infoOf = (definition: object, version: '2' | '3' | '3.1') =>
      (describeService(...serviceWith({}, definition), version) as { info: object }).info
    for (const version of ['2', '3', '3.1'] as const) {
      assert.deepEqual(infoOf({ description: 'Says who leaves.' }, version), {
        title: 'sut',
        description: 'Says who leaves.',
        version: '1.0',
      })
      assert.deepEqual(infoOf({}, version), { title: 'sut', description: 'The scoring service sut.', version: '1.0' })
    }
  })

  it('requires no credential for a public service', () => {
    for (const version of ['2', '3', '3.1'] as const) {
      const text = JSON.stringify(describeService(...serviceWith({}), version))
      assert.doesNotMatch(text, /Bearer|BEARER/)
    }
  })

  it('describes the deployment with the greatest weight, with its script, and what the choice of one can give', () => {
    const shares = { blue: { weight: 20 }, green: { weight: 80, entryScript } }
    const [green, report] = serviceWith({ inputs: [tensor('x', 'float32', 'n')] }, { entryScript })
    const [blue] = serviceWith({})
    const deployments = new Deployments({
      deployments: [
        { name: 'blue', weight: 20, mirror: 0, service: blue },
        { name: 'green', weight: 80, mirror: 0, service: green },
      ],
      random: Math.random,
    })
    const definition = ServiceDefinition.parse({ deployments: shares, traffic: { stickyHeader: 'x-user' } })
    const engine = { kind: 'changing', source: deployments } as const
    const service = new ScoringService({ name: 'sut', definition, authorizer: undefined, engine, deployments })
    const text = JSON.stringify(describeService(service, report, '3.1'))
    assert.match(text, /ENTRY_SCRIPT_FAILED/)
    assert.match(text, /DEPLOYMENT_UNKNOWN/)
    assert.deepEqual((describeService(service, report, '2') as Swagger).definitions.ServiceOutput, open)
    for (const version of ['2', '3', '3.1'] as const) {
      const { paths } = describeService(service, report, version) as Described
      const headers = paths['/api/v1/service/sut/score']?.post?.parameters?.filter(each => each.in === 'header')
      assert.deepEqual(
        headers?.map(({ name, required, type, schema }) => [name, required, type ?? schema?.type]),
        [
          ['azureml-model-deployment', false, 'string'],
          ['x-user', false, 'string'],
        ],
      )
      assert.match(headers?.[0]?.description ?? '', /^The deployment that answers: blue, green\. /)
    }
  })
})
