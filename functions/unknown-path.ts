import { app, type HttpResponseInit } from '@azure/functions'
import { answerUnknownPath } from '../src/protocols/azureml-endpoints.ts'
import { everyMethod } from './every-method.ts'

app.http('unknown-path', {
  route: '{*path}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: async (): Promise<HttpResponseInit> => answerUnknownPath(),
})
