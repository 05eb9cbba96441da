import { app } from '@azure/functions'
import { serverVersion } from '../src/compose/app.ts'
import { triggerPlan } from '../src/compose/service-triggers.ts'
import { answerScore } from '../src/protocols/azureml/score.ts'
import { everyMethod } from './every-method.ts'
import { findDefault, findNamed } from './find-service.ts'
import { httpHandler } from './http-handler.ts'

app.http('score', {
  route: 'api/v1/service/{service}/score',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel, // beside the service's own key, which is checked inside
  handler: httpHandler(request => answerScore(request, findNamed(request), serverVersion)),
})

app.http('score-default', {
  route: 'score',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel,
  handler: httpHandler(request => answerScore(request, findDefault, serverVersion)),
})
