import { app } from '@azure/functions'
import { serverVersion } from '../src/compose/app.ts'
import { answerOpenApi } from '../src/protocols/openapi/endpoints.ts'
import { everyMethod } from './every-method.ts'
import { findDefault, findNamed } from './find-service.ts'
import { httpHandler } from './http-handler.ts'

app.http('openapi', {
  route: 'api/v1/service/{service}/swagger.json',
  methods: everyMethod,
  authLevel: 'anonymous', // public, or opened by the service's own key, which is checked inside
  handler: httpHandler(request => answerOpenApi(request, findNamed(request), serverVersion)),
})

app.http('openapi-default', {
  route: 'swagger.json',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(request => answerOpenApi(request, findDefault, serverVersion)),
})
