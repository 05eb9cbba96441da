import { app } from '@azure/functions'
import { startedApp } from '../src/compose/app.ts'
import { answerMetrics } from '../src/protocols/ops/metrics.ts'
import { everyMethod } from './every-method.ts'
import { httpHandler } from './http-handler.ts'

app.http('metrics', {
  route: 'metrics',
  methods: everyMethod,
  authLevel: 'anonymous', // off, for callers with the key of a service, or public: SCORING_METRICS
  handler: httpHandler(request =>
    answerMetrics(request, async () => {
      const { settings, metrics, catalogue } = await startedApp()
      return { access: settings.metrics, families: metrics, catalogue }
    }),
  ),
})
