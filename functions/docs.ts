import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions'
import { startedApp } from '../src/compose/app.ts'
import { answerDocsFile, answerDocsPage, type DocsSource } from '../src/protocols/ops/docs-endpoints.ts'
import { everyMethod } from './every-method.ts'

const named = (request: HttpRequest) => async (): Promise<DocsSource> => {
  const { catalogue, docsFiles } = await startedApp()
  return { service: catalogue.find(request.params.service ?? ''), files: docsFiles }
}
const byDefault = async (): Promise<DocsSource> => {
  const { catalogue, docsFiles } = await startedApp()
  return { service: catalogue.findDefault(), files: docsFiles }
}

app.http('docs', {
  route: 'api/v1/service/{service}/docs',
  methods: everyMethod,
  authLevel: 'anonymous', // the page holds nothing but the name; its document may need the service's key
  handler: (request: HttpRequest): Promise<HttpResponseInit> => answerDocsPage(request, named(request)),
})

app.http('docs-file', {
  route: 'api/v1/service/{service}/docs/{file}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerDocsFile(request, request.params.file ?? '', named(request)),
})

app.http('docs-default', {
  route: 'docs',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> => answerDocsPage(request, byDefault),
})

app.http('docs-default-file', {
  route: 'docs/{file}',
  methods: everyMethod,
  authLevel: 'anonymous',
  handler: (request: HttpRequest): Promise<HttpResponseInit> =>
    answerDocsFile(request, request.params.file ?? '', byDefault),
})
