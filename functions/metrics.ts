import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions'
import { startedApp } from '../src/compose/app.ts'
import { answerMetrics } from '../src/protocols/ops/metrics.ts'
import { everyMethod } from './every-method.ts'

app.http('metrics', {
  route: 'metrics',
  methods: everyMethod,
  authLevel: 'anonymous', // off, for callers with the key of a service, or public: SCORING_METRICS
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerMetrics(request, async () => {
      const { settings, metrics, catalogue } = await startedApp()
      return { access: settings.metrics, families: metrics, catalogue }
    }),
})
