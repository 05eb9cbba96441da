import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions'
import {
  answerDefaultDocsFile,
  answerDefaultDocsPage,
  answerDocsFile,
  answerDocsPage,
} from '../src/protocols/ops/docs-endpoints.ts'
import { everyMethod } from './every-method.ts'
import { findPages } from './find-pages.ts'

app.http('docs', {
  route: 'api/v1/service/{service}/docs',
  methods: everyMethod,
  authLevel: 'anonymous', // outside Development the page holds nothing but the name; its document may need the service's key
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerDocsPage(request, request.params.service ?? '', findPages),
})

app.http('docs-file', {
  route: 'api/v1/service/{service}/docs/{file}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> => {
    const { service = '', file = '' } = request.params
    return answerDocsFile(request, { service, file }, findPages)
  },
})

app.http('docs-default', {
  route: 'docs',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> => answerDefaultDocsPage(request, findPages),
})

app.http('docs-default-file', {
  route: 'docs/{file}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerDefaultDocsFile(request, request.params.file ?? '', findPages),
})
