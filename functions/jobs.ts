import { app, type HttpRequest } from '@azure/functions'
import { serverVersion, startedApp } from '../src/compose/app.ts'
import { triggerPlan } from '../src/compose/service-triggers.ts'
import {
  answerJobById,
  answerJobCancel,
  answerJobOutput,
  answerJobs,
  type JobsSource,
} from '../src/protocols/jobs/endpoints.ts'
import { everyMethod } from './every-method.ts'
import { findNamed } from './find-service.ts'
import { httpHandler } from './http-handler.ts'

const jobsSource = (request: HttpRequest): JobsSource => ({
  serverVersion,
  find: findNamed(request),
  jobs: async () => (await startedApp()).jobs?.(),
})

app.http('jobs', {
  route: 'api/v1/service/{service}/jobs',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel, // beside the service's own key, which is checked inside
  handler: httpHandler(request => answerJobs(request, jobsSource(request))),
})

app.http('job', {
  route: 'api/v1/service/{service}/jobs/{jobId}',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel,
  handler: httpHandler(request => answerJobById(request, request.params.jobId ?? '', jobsSource(request))),
})

app.http('job-output', {
  route: 'api/v1/service/{service}/jobs/{jobId}/output',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel,
  handler: httpHandler(request => answerJobOutput(request, request.params.jobId ?? '', jobsSource(request))),
})

app.http('job-cancel', {
  route: 'api/v1/service/{service}/jobs/{jobId}/cancel',
  methods: everyMethod,
  authLevel: triggerPlan.authLevel,
  handler: httpHandler(request => answerJobCancel(request, request.params.jobId ?? '', jobsSource(request))),
})
