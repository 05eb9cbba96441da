import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions'
import { serverVersion, startedApp } from '../src/compose/app.ts'
import { answerScore } from '../src/protocols/azureml/score.ts'
import { everyMethod } from './every-method.ts'

app.http('score', {
  route: 'api/v1/service/{service}/score',
  methods: everyMethod,
  authLevel: 'anonymous', // callers show the service's own key, which is checked inside
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerScore(request, async () => (await startedApp()).catalogue.find(request.params.service ?? ''), serverVersion),
})

app.http('score-default', {
  route: 'score',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerScore(request, async () => (await startedApp()).catalogue.findDefault(), serverVersion),
})
