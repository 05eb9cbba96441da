import { type ContractAnswer, type ContractRow, contractTable, html, json, refused, scored } from './contract-table.ts'

const script = `
  export const init = () => {}
  export const run = text => { if (text === 'raise') throw new Error('boom'); return text }`
const service = (cors: object) => ({ entryScript: 'score.js', cors })
const services = {
  'one/service.json': service({ origins: ['https://a.example'] }),
  'one/score.js': script,
  'two/service.json': service({ origins: ['https://b.example', 'www.a.example'] }),
  'two/score.js': script,
  'any/service.json': service({ origins: ['*'] }),
  'any/score.js': script,
  'off/service.json': service({}),
  'off/score.js': script,
  'varies/service.json': service({ origins: ['https://b.example', 'https://a.example'] }),
  'varies/score.js':
    'export const init = () => {}; export const run = text => new Response(text, { headers: { vary: "Accept" } })',
  'http/service.json': service({ origins: ['https://a.example'] }),
  'http/score.js':
    'export const rawHttp = true; export const init = () => {}; export const run = ({ method }) => new Response(method)',
}

const cors = (origin: string | undefined, more: Record<string, string | undefined> = {}) => ({
  'access-control-allow-origin': origin,
  vary: undefined,
  'access-control-allow-methods': undefined,
  ...more,
})
const varying = { vary: 'Origin' }
const from = (name: string, origin?: string, more: string[] = []) => ({
  service: name,
  body: 'a',
  headers: [...(origin === undefined ? [] : [`Origin: ${origin}`]), ...more],
})
const ok = (headers: ContractAnswer['headers']): ContractAnswer => ({ ...scored('"a"'), headers })
const preflight = (name: string, method: string, path = `/api/v1/service/${name}/score`) => ({
  path,
  method: 'OPTIONS',
  headers: [
    'Origin: https://a.example',
    `Access-Control-Request-Method: ${method}`,
    'Access-Control-Request-Headers: authorization, content-type',
  ],
})
const empty = (headers: ContractAnswer['headers']): ContractAnswer => ({
  status: 200,
  type: html,
  body: '',
  failed: 'False',
  headers,
})
const preflighted = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'authorization, content-type',
}

const rows: ContractRow[] = [
  { line: 'off by default', request: from('off', 'https://a.example'), expected: ok(cors(undefined)) },
  {
    line: 'a listed origin is echoed, with Vary',
    request: from('two', 'https://b.example'),
    expected: ok(cors('https://b.example', varying)),
  },
  {
    line: 'one configured origin: no Vary (addendum 5)',
    request: from('one', 'https://a.example'),
    expected: ok(cors('https://a.example')),
  },
  ...['one', 'two'].map(name => ({
    line: `an unlisted origin gets nothing (addendum 5), and still 200: ${name}`,
    request: from(name, 'https://evil.example'),
    expected: ok(cors(undefined, varying)),
    differs:
      'with Vary, or a cache could give the answer to a page that may read it (Fetch, "CORS protocol and HTTP caches")',
  })),
  {
    line: 'no Origin header: the alphabetically first is named, with Vary (addendum 5)',
    request: from('two'),
    expected: ok(cors('https://b.example', varying)),
  },
  { line: 'no Origin header, one origin', request: from('one'), expected: ok(cors('https://a.example')) },
  {
    line: 'matching ignores case (addendum 5)',
    request: from('one', 'https://A.EXAMPLE'),
    expected: ok(cors('https://A.EXAMPLE')),
  },
  {
    line: 'origins are compared literally: www.a.example matches what is exactly that',
    request: from('two', 'www.a.example'),
    expected: ok(cors('www.a.example', varying)),
  },
  {
    line: 'and no other',
    request: from('two', 'https://www.a.example'),
    expected: ok(cors(undefined, varying)),
  },
  {
    line: '* echoes the origin, with Vary',
    request: from('any', 'https://x.example'),
    expected: ok(cors('https://x.example', varying)),
  },
  { line: '* echoes even null (addendum 5)', request: from('any', 'null'), expected: ok(cors('null', varying)) },
  { line: '* without Origin is a literal *', request: from('any'), expected: ok(cors('*')) },
  {
    line: 'preflight: methods, and the requested headers; no key asked for',
    request: preflight('one', 'POST'),
    expected: empty(cors('https://a.example', preflighted)),
  },
  {
    line: 'preflight for GET',
    request: preflight('one', 'GET'),
    expected: empty(cors('https://a.example', preflighted)),
  },
  {
    line: 'preflight for DELETE: allow-origin, no allow-methods (addendum 5)',
    request: preflight('one', 'DELETE'),
    expected: empty(cors('https://a.example', { 'access-control-allow-headers': undefined })),
  },
  {
    line: 'preflight of /swagger.json',
    request: preflight('one', 'GET', '/api/v1/service/one/swagger.json'),
    expected: { status: 200, type: html, body: '', headers: cors('https://a.example', preflighted) },
  },
  {
    line: 'preflight of an unknown path (addendum 5)',
    request: preflight('one', 'GET', '/nowhere'),
    expected: {
      ...refused(
        404,
        'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
      ),
      router: true,
    },
  },
  {
    line: 'router 405 carries no CORS headers (addendum 5)',
    request: { ...from('one', 'https://a.example'), method: 'PUT' },
    expected: {
      ...refused(405, 'The method is not allowed for the requested URL.'),
      router: true,
      headers: { vary: undefined },
    },
  },
  {
    line: "the 405 of HEAD is a handler's, and does",
    request: { ...from('one', 'https://a.example'), method: 'HEAD' },
    expected: { ...refused(405, 'Method not allowed'), headers: cors('https://a.example') },
  },
  {
    line: 'an error of run() does',
    request: { ...from('one', 'https://a.example'), body: 'raise' },
    expected: {
      ...refused(500, 'An unexpected error occurred in scoring script. Check the logs for more info.', 'True'),
      headers: cors('https://a.example'),
    },
  },
  {
    line: 'a refused id does',
    request: from('one', 'https://a.example', [`x-request-id: ${'a'.repeat(101)}`]),
    expected: {
      ...refused(431, 'x-request-id must not exceed 100 characters'),
      headers: { ...cors('https://a.example'), 'x-request-id': undefined, 'x-ms-request-id': undefined },
    },
  },
  {
    line: 'swagger does',
    request: { service: 'one', at: '/swagger.json', method: 'GET', headers: ['Origin: https://a.example'] },
    expected: {
      status: 200,
      type: json,
      failed: 'False',
      headers: { 'access-control-allow-origin': 'https://a.example' },
    },
  },
  {
    line: 'the health of the service does',
    request: { path: '/api/v1/service/one', method: 'GET', headers: ['Origin: https://a.example'] },
    expected: { status: 200, type: html, body: 'Healthy', headers: cors('https://a.example') },
  },
  {
    line: 'a missing key does, so that the page may read why',
    request: { path: '/api/v1/service/one/score', body: 'a', headers: ['Origin: https://a.example'] },
    expected: { status: 401, failed: 'False', body: /BEARER_MISSING/, headers: cors('https://a.example') },
    differs: 'the original checks no key',
  },
  {
    line: 'OPTIONS with rawhttp calls run(), which needs the key',
    request: { ...from('http', 'https://a.example'), method: 'OPTIONS' },
    expected: {
      status: 200,
      body: 'OPTIONS',
      timed: true,
      failed: 'False',
      headers: { 'access-control-allow-origin': 'https://a.example' },
    },
  },
  {
    line: 'Vary of a script stays beside that of CORS',
    request: from('varies', 'https://b.example'),
    expected: {
      status: 200,
      body: 'a',
      timed: true,
      failed: 'False',
      headers: { vary: ['Accept', 'Origin'], 'access-control-allow-origin': 'https://b.example' },
    },
  },
  {
    line: 'preflight with rawhttp and CORS',
    request: preflight('http', 'POST'),
    expected: empty(cors('https://a.example', preflighted)),
    differs: 'browsers send no key with a preflight, so it is answered without run()',
  },
]

// Not ours to give: preflights stopped by the AKS front end; the environment table of section 7, which is gunicorn's,
// Application Insights' and the container's (service.json and host settings replace it).
contractTable('section 7: CORS', services, rows)
