import { app } from '@azure/functions'
import { serverVersion, startedApp } from '../src/compose/app.ts'
import { answerFailure, answerRoot, answerServiceHealth } from '../src/protocols/azureml/endpoints.ts'
import { answerIndexPage } from '../src/protocols/ops/docs-endpoints.ts'
import { answerLive, answerReady } from '../src/protocols/ops/health.ts'
import { everyMethod } from './every-method.ts'
import { findPages } from './find-pages.ts'
import { findNamed } from './find-service.ts'
import { httpHandler } from './http-handler.ts'

app.http('root', {
  route: '/',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(async request => answerIndexPage(request, findPages, () => answerRoot(request, serverVersion))),
})

app.http('live', {
  route: 'health/live',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(async request => answerLive(request)),
})

app.http('ready', {
  route: 'health/ready',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(async request => {
    try {
      const { catalogue, settings } = await startedApp()
      return await answerReady(request, catalogue, settings)
    } catch (failure) {
      return answerFailure(failure, {})
    }
  }),
})

app.http('service', {
  route: 'api/v1/service/{service}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(request => answerServiceHealth(request, findNamed(request), serverVersion)),
})
