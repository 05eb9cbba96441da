import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

interface Operation {
  readonly operationId: string
  readonly security?: unknown
  readonly parameters?: { readonly name: string; readonly in: string; readonly schema?: unknown }[]
  readonly requestBody?: unknown
  readonly responses: Record<string, { description: string }>
}
interface Document {
  readonly swagger?: string
  readonly openapi?: string
  readonly info: object
  readonly schemes?: unknown
  readonly paths: Record<string, Record<string, Operation>>
  readonly definitions?: Record<string, Record<string, unknown>>
  readonly securityDefinitions?: unknown
  readonly components?: {
    readonly schemas: Record<string, Record<string, unknown>>
    readonly securitySchemes?: unknown
  }
}

const zod = import.meta.resolve('zod')
const script = (input: string) =>
  `import { tensor } from 'scoring-functions'\nimport * as z from '${zod}'\nexport const init = () => {}\n${input}\nexport const run = input => ({})\n`
const model = identityModel('float32')
const files = {
  'built-in/service.json': { schema: { input: 'sample.json' } },
  'built-in/model.onnx': model,
  'built-in/sample.json': '{"data": [[1, 2], [3, 4]]}',
  'bare/service.json': {},
  'bare/model.onnx': model,
  'bare-script/service.json': { entryScript: 'score.mjs' },
  'bare-script/score.mjs': script(''),
  'tensors/service.json': { entryScript: 'score.mjs' },
  'tensors/score.mjs': script(`export const input = tensor([[5.1, 3.5]], 'float32')`),
  'power-bi/service.json': { entryScript: 'score.mjs' },
  'power-bi/score.mjs': script(
    'export const input = z.object({ Inputs: z.object({ rows: z.array(z.object({ age: z.int() })) }), GlobalParameters: z.number().default(1) })',
  ),
  'choice/service.json': { entryScript: 'score.mjs' },
  'choice/score.mjs': script('export const input = z.object({ data: z.union([z.string(), z.number()]) })'),
  'other-library/service.json': { entryScript: 'score.mjs' },
  'other-library/score.mjs': script('export const input = { safeParse: data => ({ success: true, data }) }'),
  'private/service.json': { openapi: { public: false } },
  'private/model.onnx': model,
  'no-keys/service.json': { auth: { mode: 'none' }, cors: { origins: ['https://pages.example'] } },
  'no-keys/model.onnx': model,
  'own/service.json': { entryScript: 'score.mjs' },
  'own/score.mjs': script('export const input = z.object({ data: z.union([z.string(), z.number()]) })'),
  'own/swagger.json': '{"swagger":  "2.0", "info": {"title": "ours"}}\n',
  'own/swagger3.1.json': '{"openapi": "3.1.0"}',
  'own-list/service.json': {},
  'own-list/model.onnx': model,
  'own-list/swagger3.json': '[]',
  'answers/service.json': { entryScript: 'score.mjs', schema: { input: 'sample.json' } },
  'answers/score.mjs':
    'export const init = () => {}\nexport const run = text => JSON.parse(text).data.map(n => ({ double: 2 * n }))\n',
  'answers/sample.json': '{"data": [1, 2.5]}',
  'declares/service.json': { entryScript: 'score.mjs', schema: { input: 'sample.json' } },
  'declares/score.mjs': `import { Tensor, tensor } from 'scoring-functions'
export const init = () => {}
export const output = tensor([[0.5, 0.5]], 'float32')
export const run = () => Tensor.from('float32', [[1, 0]])`,
  'declares/sample.json': '{}',
  'declares-another/service.json': { entryScript: 'score.mjs', schema: { input: 'sample.json' } },
  'declares-another/score.mjs': `import { tensor } from 'scoring-functions'
export const init = () => {}
export const output = tensor([[0.5, 0.5]], 'float32')
export const run = () => [[1, 0, 0]]`,
  'declares-another/sample.json': '{}',
  'differs/service.json': { entryScript: 'score.mjs', schema: { input: 'sample.json' } },
  'differs/score.mjs': script('export const output = z.object({ label: z.string() })'),
  'differs/sample.json': '{}',
  'tensor-sample/service.json': { entryScript: 'score.mjs' },
  'tensor-sample/score.mjs': `import { tensor } from 'scoring-functions'
export const init = () => {}
export const input = tensor([[1.5, 2], [3, 4]], 'float32')
export const run = ({ data }) => ({ sums: Array.from({ length: data.shape[0] }, (_, i) => data.data[2 * i] + data.data[2 * i + 1]) })`,
  'undescribed/service.json': { entryScript: 'score.mjs' },
  'undescribed/score.mjs': `import { tensor } from 'scoring-functions'
export const init = () => {}
export const input = tensor([[0]], 'float32')
export const run = () => { throw new Error('no') }`,
  'broken/service.json': {},
  'slow/service.json': { entryScript: 'score.mjs' },
  'slow/score.mjs':
    'export const init = () => new Promise(done => setTimeout(done, 60000))\nexport const run = () => 1\n',
}

describe('GET /swagger.json', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) }, files, {
      SCORING_DEFAULT_SERVICE: 'built-in',
    })
    // One of them stays loading.
    for (;;) {
      const { services } = (await (await fetch(`${app.url}/health/ready`)).json()) as {
        services: Record<string, { status: string }>
      }
      if (Object.values(services).filter(({ status }) => status === 'loading').length === 1) break
    }
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const call = (service: string, query = '', init: RequestInit = {}) =>
    fetch(`${app.url}/api/v1/service/${service}/swagger.json${query}`, init)
  const documentOf = async (service: string, query = ''): Promise<Document> => {
    const response = await call(service, query)
    assert.equal(response.status, 200, await response.clone().text())
    return (await response.json()) as Document
  }
  const inputOf = async (service: string) => (await documentOf(service)).definitions?.ServiceInput
  const messageOf = async (response: Response) => {
    const { message, code } = (await response.json()) as { message: string; code: string }
    return [response.status, message, code]
  }

  it('has the paths, ids and names that Azure ML gives them', async () => {
    const document = await documentOf('built-in')
    assert.equal(document.swagger, '2.0')
    assert.deepEqual(document.info, {
      title: 'built-in',
      description: 'The scoring service built-in.',
      version: '1.0',
    })
    assert.deepEqual(document.schemes, ['https'])
    const ids = Object.entries(document.paths).map(([path, item]) => [
      path,
      Object.entries(item).map(([method, { operationId }]) => [method, operationId]),
    ])
    assert.deepEqual(ids, [
      ['/api/v1/service/built-in/', [['get', 'ServiceHealthCheck']]],
      ['/api/v1/service/built-in/score', [['post', 'RunMLService']]],
      ['/api/v1/service/built-in/swagger.json', [['get', 'GetSwaggerSpec']]],
    ])
    assert.deepEqual(Object.keys(document.definitions ?? {}), ['ServiceInput', 'ServiceOutput', 'ErrorResponse'])
    assert.deepEqual(document.securityDefinitions, {
      Bearer: {
        type: 'apiKey',
        name: 'Authorization',
        in: 'header',
        description: 'For example: Bearer abc123',
      },
    })
    const { post } = document.paths['/api/v1/service/built-in/score'] ?? {}
    assert.deepEqual(post?.security, [{ Bearer: [] }])
    assert.deepEqual(
      post?.parameters?.map(({ name, in: location, schema }) => [name, location, schema]),
      [['serviceInputPayload', 'body', { $ref: '#/definitions/ServiceInput' }]],
    )
    assert.deepEqual(Object.keys(document.definitions?.ErrorResponse?.properties as object), ['message', 'code'])
    for (const [status, code] of [
      ['400', 'INPUT_SHAPE_MISMATCH'],
      ['401', 'BEARER_REJECTED'],
      ['413', 'TOO_MANY_ROWS'],
      ['415', 'CONTENT_TYPE_UNSUPPORTED'],
      ['500', 'MODEL_RUN_FAILED'],
      ['503', 'SERVICE_LOADING'],
      ['504', 'SCORING_TIMEOUT'],
    ] as const) {
      assert.ok(post?.responses[status]?.description.includes(code), `${status} ${code}`)
    }
  })

  it('comes in the versions of the contract', async () => {
    for (const query of ['', '?version=2', '?version=2.0']) {
      assert.equal((await documentOf('bare', query)).swagger, '2.0')
    }
    for (const [query, expected] of [
      ['?version=3', '3.0.3'],
      ['?version=3.0', '3.0.3'],
      ['?version=3.1', '3.1.0'],
      ['?version=3&version=2', '3.0.3'],
    ] as const) {
      const { openapi, components, paths } = await documentOf('bare', query)
      assert.equal(openapi, expected)
      const tensors = ['InferRequest', 'InferResponse', 'ModelMetadata', 'ModelStatistics', 'OpenInferenceError']
      const own = expected === '3.1.0' ? [...tensors, 'BatchJobSubmission', 'BatchJob', 'BatchJobList'] : []
      const names = Object.keys(components?.schemas ?? {})
      assert.deepEqual(names, ['ServiceInput', 'ServiceOutput', 'ErrorResponse', ...own])
      assert.deepEqual(Object.keys(components?.securitySchemes ?? {}), ['Bearer'])
      assert.ok(paths['/api/v1/service/bare/score']?.post?.requestBody)
    }
    const invalid = await call('bare', '?version=9')
    assert.equal(invalid.headers.get('x-ms-run-function-failed'), 'False')
    assert.ok(invalid.headers.get('x-request-id'))
    assert.deepEqual(await messageOf(invalid), [
      404,
      'Swagger version [9] is not valid. Supported versions: [2, 3, 3.1].',
      'OPENAPI_VERSION_UNKNOWN',
    ])
    assert.equal((await call('bare', '?version=')).status, 404)
  })

  it('drops only version 2 when that cannot express the input', async () => {
    assert.deepEqual(await messageOf(await call('choice', '?version=2')), [
      404,
      'Swagger version [2] is not supported for the scoring script. Supported swagger versions: [3, 3.1].',
      'OPENAPI_VERSION_UNSUPPORTED',
    ])
    assert.equal((await documentOf('choice', '?version=3')).openapi, '3.0.3')
    assert.deepEqual(await messageOf(await call('choice', '?version=9')), [
      404,
      'Swagger version [9] is not valid. Supported versions: [3, 3.1].',
      'OPENAPI_VERSION_UNKNOWN',
    ])
  })

  it('describes what each kind of script takes', async () => {
    const rows = {
      type: 'array',
      items: { type: 'array', items: { type: 'number', format: 'float', 'x-nullable': true } },
      format: 'numpy.ndarray',
    }
    const dataOf = async (service: string) => {
      const { properties, example } = (await inputOf(service)) as {
        properties: { data: { description?: string } }
        example: unknown
      }
      const { description, ...data } = properties.data
      return [data, example, description]
    }
    const sample = [
      [1, 2],
      [3, 4],
    ]
    assert.deepEqual(await dataOf('built-in'), [rows, { data: sample }, 'float32, shape [batch, 2]'])
    assert.deepEqual(await dataOf('bare'), [rows, { data: [[0.5, 1.5]] }, 'float32, shape [batch, 2]'])
    const declared = [[5.1, 3.5]]
    assert.deepEqual(await dataOf('tensors'), [rows, { data: declared }, 'float32, shape [rows, 2]'])
    const open = { type: 'object', example: {} }
    assert.deepEqual(await inputOf('bare-script'), open)
    assert.deepEqual((await documentOf('bare-script')).definitions?.ServiceOutput, open)
    assert.deepEqual(await inputOf('other-library'), { type: 'object' })
    assert.deepEqual(await inputOf('power-bi'), {
      type: 'object',
      required: ['Inputs'],
      properties: {
        Inputs: {
          type: 'object',
          required: ['rows'],
          properties: {
            rows: {
              type: 'array',
              items: {
                type: 'object',
                required: ['age'],
                properties: {
                  age: { type: 'integer', format: 'int64' },
                },
              },
            },
          },
        },
        GlobalParameters: { type: 'number', format: 'double', default: 1 },
      },
    })
  })

  it('describes what a script answers', async () => {
    const outputOf = async (service: string) => (await documentOf(service)).definitions?.ServiceOutput
    const number = (format: string) => ({ type: 'number', format })
    // Read off the answer to schema.input, or to the sample of tensor(...).
    assert.deepEqual(await outputOf('answers'), {
      type: 'array',
      items: { type: 'object', required: ['double'], properties: { double: number('double') } },
      example: [{ double: 2 }, { double: 5 }],
    })
    assert.deepEqual(await outputOf('tensor-sample'), {
      type: 'object',
      required: ['sums'],
      properties: { sums: { type: 'array', items: number('double') } },
      example: { sums: [3.5, 7] },
    })
    const declared = {
      type: 'array',
      items: { type: 'array', items: number('float') },
      format: 'numpy.ndarray',
      description: 'float32, shape [rows, 2]; null: NaN or an infinity',
    }
    assert.deepEqual(await outputOf('declares'), { ...declared, example: [[1, 0]] }) // the answer to the sample
    assert.deepEqual(await outputOf('declares-another'), { ...declared, example: [[0.5, 0.5]] })
    assert.match(
      app.output(),
      /\[declares-another\] the answer to the sample is not what the script declares as output/,
    )
    // What `output` declares is not checked; only an example that does not suit it is left out.
    assert.deepEqual(await outputOf('differs'), {
      type: 'object',
      required: ['label'],
      properties: { label: { type: 'string' } },
    })
    assert.match(app.output(), /\[differs\] the answer to the sample is not what the script declares as output/)
    assert.deepEqual(await outputOf('undescribed'), { type: 'object', example: {} })
  })

  it('is what the owner wrote, as it is, where a file says it', async () => {
    const texts = await Promise.all(['', '?version=3.1'].map(async query => (await call('own', query)).text()))
    assert.deepEqual(texts, [files['own/swagger.json'], files['own/swagger3.1.json']])
    assert.equal((await documentOf('own', '?version=3')).openapi, '3.0.3')
    const message = /Supported versions: \[2, 3, 3\.1\]/ // 2 only because of the file
    assert.match((await messageOf(await call('own', '?version=9')))[1] as string, message)
    assert.equal((await call('own-list')).status, 503)
    assert.match(app.output(), /\[own-list\] not available: own-list\/swagger3\.json must hold a JSON object/)
  })

  it('shows an example that the service scores', async () => {
    for (const service of ['built-in', 'bare', 'tensors']) {
      const { example } = (await inputOf(service)) as { example: unknown }
      assert.equal((await app.score(service, JSON.stringify(example))).status, 200)
    }
  })

  it('carries the ids and headers of the contract', async () => {
    const response = await call('bare', '', { headers: { 'x-request-id': 'A', 'x-ms-request-id': 'B', TraceId: 'T' } })
    const named = ['content-type', 'x-ms-run-function-failed', 'x-request-id', 'x-ms-request-id', 'traceid']
    assert.deepEqual(
      named.map(name => response.headers.get(name)),
      ['application/json', 'False', 'A', 'B', 'T'],
    )
    assert.equal(response.headers.get('x-ms-run-fn-exec-ms'), null)
    assert.equal((await call('bare', '', { headers: { 'x-request-id': 'a'.repeat(101) } })).status, 431)
    const crossing = await call('no-keys', '', { headers: { origin: 'https://pages.example' } })
    assert.equal(crossing.headers.get('access-control-allow-origin'), 'https://pages.example')
  })

  it('is open to all, or to callers with a key when it is private', async () => {
    const refused = await call('private')
    assert.deepEqual((await messageOf(refused))[2], 'BEARER_MISSING')
    assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="private"')
    const withKey = async (service: string) => {
      const headers = { authorization: `Bearer ${await app.keyOf(service)}` }
      return call('private', '', { headers })
    }
    assert.equal((await withKey('bare')).status, 401)
    const opened = await withKey('private')
    assert.equal(opened.status, 200)
    const { paths } = (await opened.json()) as Document
    assert.deepEqual(paths['/api/v1/service/private/swagger.json']?.get?.security, [{ Bearer: [] }])
    const { securityDefinitions } = await documentOf('no-keys')
    assert.equal(securityDefinitions, undefined)
  })

  it('is there for the default service too, and for no unknown one', async () => {
    const byDefault = await fetch(`${app.url}/swagger.json`)
    assert.deepEqual(await byDefault.json(), await documentOf('built-in'))
    assert.equal((await messageOf(await call('nobody')))[2], 'SERVICE_UNKNOWN')
  })

  it('waits for a service that loads, and says when one cannot', async () => {
    assert.deepEqual((await messageOf(await call('slow'))).toSpliced(1, 1), [503, 'SERVICE_LOADING'])
    assert.deepEqual((await messageOf(await call('broken'))).toSpliced(1, 1), [503, 'SERVICE_UNAVAILABLE'])
  })

  it('answers other verbs as the original does', async () => {
    const head = await call('bare', '', { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers.get('content-type'), await head.text()], [200, 'application/json', ''])
    const options = await call('bare', '', { method: 'OPTIONS' })
    assert.deepEqual(
      [options.status, options.headers.get('allow'), options.headers.get('x-ms-run-function-failed')],
      [200, 'HEAD, GET, OPTIONS', null],
    )
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers } = await call('bare', '', { method })
      assert.deepEqual([status, headers.get('x-request-id')], [405, null])
    }
    assert.equal((await fetch(`${app.url}/api/v1/service/bare/swagger.json/`)).status, 404)
  })
})
