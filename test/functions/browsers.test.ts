import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'

describe('X-Content-Type-Options: answers to browsers', () => {
  it('are taken for nothing but what they are called, whatever they quote', async test => {
    const app = await runApp(test, { 'sut/service.json': {}, 'sut/1/model.onnx': identityModel('float32') })
    await app.settled()
    const service = '/api/v1/service/sut'
    const key = { authorization: `Bearer ${await app.keyOf('sut')}` }
    const requests: [method: string, path: string, status: number, headers?: Record<string, string>][] = [
      ['GET', '/', 200],
      ['OPTIONS', '/', 200],
      ['GET', '/health/live', 200],
      ['GET', '/health/ready', 200],
      ['GET', '/metrics', 200],
      ['GET', '/nowhere/<script>', 404],
      ['PUT', `${service}/score`, 405],
      ['GET', service, 200],
      ['GET', `${service}/score?data=[[1,2]]`, 200, key],
      ['GET', `${service}/score?data=[[%22<script>%22,2]]`, 400, key],
      ['GET', `${service}/score`, 401],
      ['OPTIONS', `${service}/score`, 200],
      ['GET', `${service}/swagger.json`, 200],
      ['GET', `${service}/swagger.json?version=<script>`, 404],
      ['GET', `${service}/docs`, 200],
      ['GET', `${service}/docs/nothing`, 404],
      ['GET', `${service}/jobs`, 503, key],
    ]
    for (const [method, path, status, headers = {}] of requests) {
      const answer = await fetch(`${app.url}${path}`, { method, headers })
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path)
    }
  })
})
