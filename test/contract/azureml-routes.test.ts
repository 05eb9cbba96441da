import { identityModel } from '../support/onnx-writer.ts'
import { asJson, type ContractRow, contractTable, html, json, refused, scored } from './contract-table.ts'

const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': 'export const init = () => {}; export const run = text => text',
  'http/service.json': { entryScript: 'score.js' },
  'http/score.js': `
    export const rawHttp = true
    export const init = () => {}
    export const run = request => new Response(request.method, { headers: { 'x-seen': request.method } })`,
  'typed/service.json': {},
  'typed/1/model.onnx': identityModel('float64'),
}

const unknownPath =
  'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.'
const byRouter = (status: number, message: string) => ({ ...refused(status, message), router: true })
const notAllowed = byRouter(405, 'The method is not allowed for the requested URL.')
const allowed = { allow: 'HEAD, GET, OPTIONS', 'content-length': '0' }

/** What `/` is to the original: here of the server, and of each service at its own path. */
const health = ['/', '/api/v1/service/plain', '/api/v1/service/plain/'].flatMap((path): ContractRow[] => [
  { line: `GET ${path}`, request: { path, method: 'GET' }, expected: { status: 200, type: html, body: 'Healthy' } },
  {
    line: `HEAD ${path}`,
    request: { path, method: 'HEAD' },
    expected: { status: 200, type: html, headers: { 'content-length': '7' } },
  },
  {
    line: `OPTIONS ${path}, without x-ms-run-function-failed (addendum 6)`,
    request: { path, method: 'OPTIONS' },
    expected: { status: 200, type: html, body: '', headers: allowed },
  },
  ...['POST', 'PUT', 'DELETE'].map(method => ({
    line: `${method} ${path}`,
    request: { path, method, body: '' },
    expected: notAllowed,
  })),
])

const rows: ContractRow[] = [
  ...health,
  {
    line: 'GET /score',
    request: { service: 'plain', path: '/score?a=1', method: 'GET' },
    expected: scored('"{\\"a\\": 1}"'),
  },
  { line: 'POST /score', request: { service: 'plain', path: '/score', body: 'a' }, expected: scored('"a"') },
  { line: 'POST of a named service', request: { service: 'plain', body: 'a' }, expected: scored('"a"') },
  ...['plain', 'typed'].map(service => ({
    line: `OPTIONS /score, not rawhttp: ${service}, no Allow, no key asked for`,
    request: { path: `/api/v1/service/${service}/score`, method: 'OPTIONS' },
    expected: {
      status: 200,
      type: html,
      body: '',
      failed: 'False' as const,
      headers: { allow: undefined, 'content-length': '0' },
    },
  })),
  ...['OPTIONS', 'GET', 'POST', 'HEAD'].map(method => ({
    line: `${method} /score with rawhttp calls run() (addendum 6)`,
    request: { service: 'http', method },
    expected: {
      status: 200,
      timed: true,
      failed: 'False' as const,
      ...(method === 'HEAD' ? {} : { body: method }),
      headers: { 'x-seen': method },
    },
  })),
  ...['plain', 'typed'].map(service => ({
    line: `HEAD /score, not rawhttp: ${service}; the handler answers, so with ids`,
    request: { service, method: 'HEAD' },
    expected: {
      ...refused(405, 'Method not allowed'),
      headers: { 'content-length': String('{"message": "Method not allowed", "code": "METHOD_NOT_ALLOWED"}'.length) },
    },
  })),
  ...['plain', 'http'].flatMap(service =>
    ['PUT', 'DELETE', 'PATCH'].map(method => ({
      line: `${method} /score, rawhttp or not: ${service}`,
      request: { service, method, body: 'a' },
      expected: notAllowed,
    })),
  ),
  {
    line: 'a router error brings x-ms-run-function-failed: False and no ids, also when ids were sent',
    request: {
      service: 'plain',
      method: 'PUT',
      headers: ['x-request-id: A', 'x-ms-client-request-id: C', 'TraceId: T'],
    },
    expected: { ...notAllowed, headers: { traceid: undefined } },
  },
  ...['POST', 'GET'].map(method => ({
    line: `${method} /score/ (trailing slash): no redirect`,
    request: { service: 'plain', at: '/score/', method },
    expected: byRouter(404, unknownPath),
  })),
  {
    line: 'GET /swagger.json',
    request: { path: '/swagger.json', method: 'GET' },
    expected: { status: 200, type: json, body: /^\{"swagger": "2\.0"/, failed: 'False' },
  },
  {
    line: 'HEAD /swagger.json (addendum 6)',
    request: { path: '/swagger.json', method: 'HEAD' },
    expected: { status: 200, type: json, failed: 'False' },
  },
  {
    line: 'OPTIONS /swagger.json, without x-ms-run-function-failed (addendum 6)',
    request: { path: '/swagger.json', method: 'OPTIONS' },
    expected: { status: 200, type: html, body: '', headers: allowed },
  },
  ...['POST', 'PUT', 'DELETE'].map(method => ({
    line: `${method} /swagger.json`,
    request: { path: '/swagger.json', method, body: '' },
    expected: notAllowed,
  })),
  ...['GET /nowhere', 'POST /score/x', 'DELETE /a/b/c', 'GET /api/v1/service/plain/score/x', 'GET /api/v1/service'].map(
    line => {
      const [method, path] = line.split(' ')
      return { line: `any other path: ${line}`, request: { method, path }, expected: byRouter(404, unknownPath) }
    },
  ),
  {
    line: 'another case of a path',
    request: { service: 'plain', path: '/Score', body: 'a' },
    expected: scored('"a"'),
    differs: 'routes of Azure Functions ignore case, where the original answers 404',
  },
  {
    line: 'a verb that the original does not know',
    request: { service: 'plain', method: 'TRACE' },
    expected: { status: 404, body: '', router: true },
    differs:
      'the Functions host answers verbs that its library cannot build a request for: 404 without a body, not 405',
  },
  {
    line: 'typed by a model: POST',
    request: { service: 'typed', headers: asJson, body: '{"data": [[1, 2]]}' },
    expected: scored('[[1.0, 2.0]]'),
  },
]

// Not ours to give: port 5001 and the separate health port (SEPERATE_HEALTH_ENDPOINT); URI forms of AKS and ACI other than
// `/api/v1/service/<name>/…`, which is the one served here; the gRPC ports of FPGA services.
contractTable('section 1: routes and verbs', services, rows, { SCORING_DEFAULT_SERVICE: 'plain' })
