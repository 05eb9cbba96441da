/** To be imported before the files that register functions: it sees the server that takes their requests. */
import type { HttpHandler, HttpRequest, HttpResponseInit } from '@azure/functions'
import { ForwardedRequests } from '../src/adapters/functions-worker/forwarded-requests.ts'

const forwarded = new ForwardedRequests()
forwarded.watch()

/** The handler of an HTTP trigger, in Azure and in the embedded host. */
export const httpHandler = (answer: (request: HttpRequest) => Promise<HttpResponseInit>): HttpHandler =>
  forwarded.handler(answer)
