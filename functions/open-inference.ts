import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions'
import { serverVersion, startedApp } from '../src/compose/app.ts'
import { answerOpenInference } from '../src/protocols/open-inference/endpoints.ts'
import { everyMethod } from './every-method.ts'

app.http('open-inference', {
  route: 'v2/{*rest}',
  methods: everyMethod,
  authLevel: 'anonymous', // callers show the service's own key, which is checked inside
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerOpenInference(request, request.params.rest ?? '', { serverVersion, scope: undefined, started: startedApp }),
})

app.http('open-inference-service', {
  route: 'api/v1/service/{service}/v2/{*rest}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> => {
    const { service = '', rest = '' } = request.params
    return answerOpenInference(request, rest, { serverVersion, scope: service, started: startedApp })
  },
})
