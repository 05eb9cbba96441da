import { app } from '@azure/functions'
import { serverVersion, startedApp } from '../src/compose/app.ts'
import { triggerPlan } from '../src/compose/service-triggers.ts'
import { answerOpenInference } from '../src/protocols/open-inference/endpoints.ts'
import { everyMethod } from './every-method.ts'
import { httpHandler } from './http-handler.ts'

app.http('open-inference', {
  route: 'v2/{*rest}',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel, // beside the service's own key, which is checked inside
  handler: httpHandler(request =>
    answerOpenInference(request, request.params.rest ?? '', { serverVersion, scope: undefined, started: startedApp }),
  ),
})

app.http('open-inference-service', {
  route: 'api/v1/service/{service}/v2/{*rest}',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel,
  handler: httpHandler(request => {
    const { service = '', rest = '' } = request.params
    return answerOpenInference(request, rest, { serverVersion, scope: service, started: startedApp })
  }),
})
