/**
 * Our documents against those that Azure Machine Learning's server writes for the same scripts in Python (recorded in
 * `test/fixtures/azureml-swagger`): the same but for the differences that are named here.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { scriptsOfOriginal } from '../support/described-services.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

type Json = Record<string, unknown>
type Schemas = Record<'ServiceInput' | 'ServiceOutput' | 'ErrorResponse', Json>

const recorded = join(import.meta.dirname, '../fixtures/azureml-swagger')

describe('GET /swagger.json: a document, beside the one that Azure Machine Learning writes for the same script,', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) }, scriptsOfOriginal)
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const documentsOf = async (service: string, version: '2' | '3' | '3.1') => {
    const file = `${service.replaceAll('-', '_')}.swagger${version === '2' ? 2 : 3}.json`
    const response = await fetch(`${app.url}/api/v1/service/${service}/swagger.json?version=${version}`)
    return [(await response.json()) as Json, JSON.parse(await readFile(join(recorded, file), 'utf8')) as Json] as const
  }

  const recordings = ['power-bi', 'numpy-rows', 'standard-types'].flatMap(service => [
    [service, '2'] as const,
    [service, '3'] as const,
  ])
  it.each(recordings)('differs on purpose only: %s, version %s', async (service, version) => {
    const [ours, theirs] = await documentsOf(service, version)
    assert.deepEqual(withoutDifferences(ours, service), withoutDifferences(theirs, 'ML service'))
  })

  it('gives Power BI what that reads: nested names, what is required, an example, and no reference or choice inside', async () => {
    const [document] = await documentsOf('power-bi', '2')
    const { ServiceInput, ServiceOutput } = document.definitions as Schemas
    const number = { type: 'number', format: 'double' }
    const row = {
      type: 'object',
      required: ['AGE', 'BMI', 'NAME', 'SMOKES'],
      properties: {
        AGE: { type: 'integer', format: 'int64' },
        BMI: number,
        NAME: { type: 'string' },
        SMOKES: { type: 'boolean' },
      },
    }
    const data = { type: 'array', items: row }
    const parameters = { scale: number, method: { type: 'string' } }
    assert.deepEqual(ServiceInput.properties, {
      Inputs: { type: 'object', required: ['data'], properties: { data } },
      GlobalParameters: { type: 'object', required: ['scale', 'method'], properties: parameters },
    })
    assert.deepEqual(ServiceOutput, {
      type: 'object',
      required: ['Results'],
      properties: { Results: { type: 'array', items: number } },
      example: { Results: [217.67978776218715, 224.78937091757172] },
    })
    const { Inputs, GlobalParameters } = ServiceInput.example as Json
    const answer = await app.score('power-bi', JSON.stringify({ Inputs, GlobalParameters }))
    assert.deepEqual(await answer.json(), ServiceOutput.example)
  })
})

/** A document without what differs on purpose. Both sides pass it, so it can only take away. */
function withoutDifferences(document: Json, title: string): Json {
  const { components, definitions, security, ...rest } = document
  const { schemas, securitySchemes } = (components ?? { schemas: definitions }) as {
    schemas: Schemas
    securitySchemes?: Json
  }
  // Azure ML's version 3 locks every operation, the health check too, which it answers without a key all the same.
  return {
    ...rest,
    // Ours is described in the words of its owner, not as a service of Azure Machine Learning.
    info: JSON.parse(JSON.stringify({ ...(document.info as Json), description: '' }).replaceAll(title, 'the service')),
    paths: Object.fromEntries(
      Object.entries(document.paths as Json).map(([path, item]) => [pathless(path), shared(item)]),
    ),
    securitySchemes,
    ServiceInput: inputWithoutDifferences(schemas.ServiceInput),
    ServiceOutput: plain(schemas.ServiceOutput),
    // Ours has a stable code beside the message.
    ErrorResponse: Object.keys(schemas.ErrorResponse.properties as Json).filter(name => name !== 'code'),
  }
}

/** Several services in one app need a prefix; Azure ML's is set by `SERVICE_PATH_PREFIX`. */
function pathless(path: string): string {
  return path.replace(/^\/api\/v1\/service\/[^/]+/, '')
}

/** Ours names every status with its codes, lists the bodies besides JSON that a service takes, and gives `/` and `/swagger.json` the types that both servers answer with. */
function shared(item: unknown): unknown {
  return Object.fromEntries(
    Object.entries(item as Record<string, Json>).map(([method, { responses, produces, ...operation }]) => {
      const { 200: ok, default: other } = responses as Record<string, Json>
      const isScore = operation.operationId === 'RunMLService'
      const body = operation.requestBody as { content: Record<string, unknown> } | undefined
      const requestBody = body && { ...body, content: { 'application/json': body.content['application/json'] } }
      return [method, { ...operation, requestBody, responses: { 200: isScore ? ok : ok?.description, default: other } }]
    }),
  )
}

/**
 * Azure ML's ServiceInput requires nothing, although its server refuses a body without the parameters, and does not say that
 * null is NaN where floats are asked for, which both servers read.
 */
function inputWithoutDifferences(schema: Json): unknown {
  const { required, ...rest } = schema
  return JSON.parse(
    JSON.stringify(plain(rest), (key, value) => (key === 'nullable' || key === 'x-nullable' ? undefined : value)),
  )
}

/** Sizes stand in our descriptions; a frame is a list of records. */
function plain(schema: unknown): unknown {
  return JSON.parse(
    JSON.stringify(schema, (key, value) =>
      key === 'description' || value === 'pandas.DataFrame:records' ? undefined : value,
    ),
  )
}
