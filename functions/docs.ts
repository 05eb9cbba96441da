import { app } from '@azure/functions'
import {
  answerDefaultDocsFile,
  answerDefaultDocsPage,
  answerDocsFile,
  answerDocsPage,
} from '../src/protocols/ops/docs-endpoints.ts'
import { everyMethod } from './every-method.ts'
import { findPages } from './find-pages.ts'
import { httpHandler } from './http-handler.ts'

app.http('docs', {
  route: 'api/v1/service/{service}/docs',
  methods: everyMethod,
  authLevel: 'anonymous', // outside Development the page holds nothing but the name; its document may need the service's key
  handler: httpHandler(request => answerDocsPage(request, request.params.service ?? '', findPages)),
})

app.http('docs-file', {
  route: 'api/v1/service/{service}/docs/{file}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(request => {
    const { service = '', file = '' } = request.params
    return answerDocsFile(request, { service, file }, findPages)
  }),
})

app.http('docs-default', {
  route: 'docs',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(request => answerDefaultDocsPage(request, findPages)),
})

app.http('docs-default-file', {
  route: 'docs/{file}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: httpHandler(request => answerDefaultDocsFile(request, request.params.file ?? '', findPages)),
})
