import { app } from '@azure/functions'
import { startedApp } from '../src/compose/app.ts'
import { answerUnknownPath } from '../src/protocols/azureml/endpoints.ts'
import { answerInstanceWarmUp, isInstanceWarmUp } from '../src/protocols/ops/instance-warm-up.ts'
import { everyMethod } from './every-method.ts'
import { httpHandler } from './http-handler.ts'

// Azure's host tries functions in the order of their names, whatever their routes are (FunctionMetadataManager), so this one comes
// after every other: functions of a project, too. Not `{*path}`, which would take the root as well.
app.http('zzzz-unknown-path', {
  route: '{first}/{*rest}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(async request =>
    isInstanceWarmUp(request)
      ? answerInstanceWarmUp(async () => (await startedApp()).catalogue.all)
      : answerUnknownPath(),
  ),
})
