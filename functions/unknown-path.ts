import { app, type HttpResponseInit } from '@azure/functions'
import { answerUnknownPath } from '../src/protocols/azureml/endpoints.ts'
import { everyMethod } from './every-method.ts'

app.http('unknown-path', {
  // Not `{*path}`: the host tries longer routes first, and that one would take the root as well.
  route: '{first}/{*rest}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: async (): Promise<HttpResponseInit> => answerUnknownPath(),
})
