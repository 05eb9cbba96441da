/** The documents of many services, each in every version it has, held against validators that are not ours. */
import assert from 'node:assert/strict'
import SwaggerParser from '@apidevtools/swagger-parser'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { describedServices } from '../support/described-services.ts'
import { examplesIn, type Json, schemasIn } from '../support/json-schema-of-openapi.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

interface Document {
  readonly definitions?: Readonly<Record<string, Json>>
  readonly components?: { readonly schemas: Readonly<Record<string, Json>> }
}

const names = Object.keys(describedServices)
  .filter(file => file.endsWith('/service.json'))
  .map(file => file.slice(0, file.indexOf('/')))
const versions = ['2', '3', '3.1'] as const

describe('GET /swagger.json: the document of a service', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  const documents: { readonly of: string; readonly service: string; readonly document: Document }[] = []
  beforeAll(async () => {
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) }, describedServices)
    for (const [name, { status, reason }] of Object.entries(await app.settled()))
      assert.equal(status, 'ready', `${name}: ${reason}`)
    for (const service of names) {
      for (const version of versions) {
        const response = await call(service, `swagger.json?version=${version}`)
        if (service === 'choices' && version === '2') {
          assert.equal(response.status, 404) // Swagger 2.0 has no choice between types
          continue
        }
        assert.equal(response.status, 200, service)
        documents.push({ of: `${service} ${version}`, service, document: (await response.json()) as Document })
      }
    }
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const call = async (service: string, path: string, body?: string) => {
    const key = service === 'several' ? undefined : await app.keyOf(service) // that one is public
    return fetch(`${app.url}/api/v1/service/${service}/${path}`, {
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      ...(body !== undefined && { method: 'POST', body }),
    })
  }

  it('is valid by the schemas that the OpenAPI Initiative publishes', async () => {
    const validator = new Validator()
    for (const { of, document } of documents) {
      const { valid, errors } = await validator.validate(structuredClone(document) as Record<string, unknown>)
      assert.ok(valid, `${of}: ${JSON.stringify(errors)}`)
    }
  })

  it('has schemas that are valid by themselves in version 3.1, whose own schema leaves that to JSON Schema', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const { of, document } of documents.filter(each => each.of.endsWith(' 3.1'))) {
      for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
        assert.ok(ajv.validateSchema(schema as object), `${of}, ${name}: ${ajv.errorsText()}`)
      }
    }
  })

  it('is one that the parser of code generators takes', async () => {
    for (const { of, document } of documents) {
      await assert.doesNotReject(SwaggerParser.validate(structuredClone(document) as never), of)
    }
  })

  it('has no example that its own schema refuses', () => {
    let count = 0
    for (const { of, document } of documents) {
      const check = schemasIn(document as Json)
      for (const [name, schema] of Object.entries(document.definitions ?? document.components?.schemas ?? {})) {
        for (const [pointer, example] of examplesIn(schema, pointerTo(document, name))) {
          assert.equal(check(pointer, example), undefined, `${of}, ${pointer}`)
          count++
        }
      }
    }
    assert.ok(count >= 3 * documents.length - 9, `${count}`) // input, output and error; some scripts give no sample
  })

  it('shows a body that the service scores, and an answer of the kind it then gives', async () => {
    for (const { of, service, document } of documents) {
      const [input] =
        [...examplesIn(schemaNamed(document, 'ServiceInput'), '')].find(([at]) => at === '')?.slice(1) ?? []
      if (input === undefined) continue
      const response = await call(service, 'score', JSON.stringify(input))
      assert.equal(response.status, 200, `${of}: ${await response.clone().text()}`)
      const wrong = schemasIn(document as Json)(pointerTo(document, 'ServiceOutput'), await response.json())
      assert.equal(wrong, undefined, of)
    }
  })

  it('refuses, as the service does, what has another type', () => {
    for (const { document } of documents.filter(({ service }) => service === 'float64-rows')) {
      const check = schemasIn(document as Json)
      assert.match(check(pointerTo(document, 'ServiceInput'), { data: [['a']] }) ?? '', /must be number/)
      assert.equal(check(pointerTo(document, 'ServiceInput'), { data: [[null, 1]] }), undefined) // a missing value
      assert.match(check(pointerTo(document, 'ServiceOutput'), ['a']) ?? '', /must be array/)
    }
  })
})

function pointerTo({ definitions }: Document, name: string): string {
  return definitions ? `/definitions/${name}` : `/components/schemas/${name}`
}

function schemaNamed({ definitions, components }: Document, name: string): Json {
  return (definitions ?? components?.schemas)?.[name] as Json
}
