import { type ContractAnswer, type ContractRow, contractTable, html, json, refused, scored } from './contract-table.ts'

const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': `
    export const init = () => {}
    export const run = text => {
      if (text === 'raise') throw new Error('boom')
      return text === 'unwritable' ? () => {} : text
    }`,
  'http/service.json': { entryScript: 'score.js' },
  'http/score.js': `
    export const rawHttp = true
    export const init = () => {}
    export const run = request => {
      const query = new URL(request.url).searchParams
      const status = Number(query.get('status'))
      const headers = { 'x-request-id': 'mine', 'x-ms-request-id': 'mine', 'x-own': 'mine', 'x-ms-server-version': 'mine' }
      return new Response(query.get('text') ?? 'own', { status, headers })
    }`,
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
type Ids = readonly [id: string, ms: string, client: string]
const idNames = ['x-request-id', 'x-ms-request-id', 'x-ms-client-request-id'] as const
const idHeaders = (values: readonly (string | RegExp | undefined)[]) =>
  Object.fromEntries(idNames.map((name, index) => [name, values[index]]))

/** Lines of the table of ids: '' is a header that is not sent, `new` an id that the server makes. */
const ids: [sent: Ids, back: readonly (string | RegExp | undefined)[]][] = [
  [
    ['', '', ''],
    [guid, guid, undefined],
  ],
  [
    ['A', '', ''],
    ['A', 'A', undefined],
  ],
  [
    ['', 'B', ''],
    [guid, 'B', 'B'],
  ],
  [
    ['', '', 'C'],
    [guid, 'C', 'C'],
  ],
  [
    ['A', 'B', ''],
    ['A', 'B', 'B'],
  ],
  [
    ['', 'B', 'C'],
    [guid, 'B', 'C'],
  ],
  [
    ['A', '', 'C'],
    ['A', 'C', 'C'],
  ],
  [
    ['A', 'B', 'C'],
    ['A', 'B', 'C'],
  ],
]

const long = 'a'.repeat(101)
const tooLong: [string, string[], readonly (string | RegExp | undefined)[]][] = [
  ['x-request-id', [`x-request-id: ${long}`, 'x-ms-request-id: B'], [undefined, undefined, undefined]],
  ['x-ms-request-id and x-ms-client-request-id', [`x-ms-request-id: ${long}`], [guid, undefined, undefined]],
  ['x-ms-request-id and x-ms-client-request-id', [`x-ms-client-request-id: ${long}`], [guid, undefined, undefined]],
]

const ok = scored('"a"')
const own = (status: number, failed: 'True' | 'False'): ContractAnswer => ({
  status,
  body: 'own',
  timed: true,
  failed,
  headers: { 'x-own': 'mine' },
})

const rows: ContractRow[] = [
  ...ids.map(([sent, back]) => ({
    line: `ids sent: ${sent.map(id => id || '-').join(' ')}`,
    request: {
      service: 'plain',
      body: 'a',
      headers: sent.flatMap((id, index) => (id ? [`${idNames[index]}: ${id}`] : [])),
    },
    expected: { ...ok, headers: idHeaders(back) },
  })),
  ...tooLong.flatMap(([names, headers, back]) =>
    [
      { service: 'plain', body: 'raise', headers },
      { service: 'plain', method: 'GET', at: '/swagger.json', headers },
      { path: '/', method: 'GET', headers },
    ].map(request => ({
      line: `an id of 101 characters: ${headers[0]?.split(':')[0]}, ${request.method ?? 'POST'} ${request.path ?? request.at ?? '/score'}: 431 before run()`,
      request,
      expected: { ...refused(431, `${names} must not exceed 100 characters`), headers: idHeaders(back) },
    })),
  ),
  {
    line: 'ids of 100 characters are taken',
    request: { service: 'plain', body: 'a', headers: idNames.map(name => `${name}: ${'b'.repeat(100)}`) },
    expected: { ...ok, headers: idHeaders(Array(3).fill('b'.repeat(100))) },
  },
  {
    line: 'an empty x-request-id: none of the id headers comes back (addendum 4)',
    request: { service: 'plain', body: 'a', headers: ['x-request-id:'] },
    expected: { ...ok, headers: idHeaders([undefined, undefined, undefined]) },
  },
  ...[
    { sent: ['', 'x-ms-request-id:', ''], back: [guid, guid, undefined] },
    { sent: ['', '', 'x-ms-client-request-id:'], back: [guid, guid, undefined] },
    { sent: ['', 'x-ms-request-id:', 'x-ms-client-request-id: C'], back: [guid, 'C', 'C'] },
    { sent: ['x-request-id: A', 'x-ms-request-id: B', 'x-ms-client-request-id:'], back: ['A', 'B', 'B'] },
  ].map(({ sent, back }) => ({
    line: `an empty id besides x-request-id is as if it were not there: ${sent.filter(Boolean).join(', ')}`,
    request: { service: 'plain', body: 'a', headers: sent.filter(Boolean) },
    expected: { ...ok, headers: idHeaders(back) },
  })),
  ...['a', '\u00e9'].map(text => ({
    line: `a byte of Latin-1 in an id comes back as it is, beside the answer ${JSON.stringify(text)}`,
    request: {
      service: 'http',
      at: `/score?status=200&text=${encodeURIComponent(text)}`,
      headers: ['x-request-id: \u00e9'],
    },
    expected: { ...own(200, 'False'), body: text, headers: { ...idHeaders(['\u00e9', '\u00e9', undefined]) } },
  })),
  {
    line: 'a byte of Latin-1 in an id comes back as it is, beside JSON',
    request: { service: 'plain', body: 'a', headers: ['x-request-id: \u00e9'] },
    expected: { ...ok, headers: idHeaders(['\u00e9', '\u00e9', undefined]) },
  },
  {
    line: 'repeated ids are joined with a comma (addendum 4)',
    request: { service: 'plain', body: 'a', headers: ['x-request-id: A', 'X-Request-Id: B'] },
    expected: { ...ok, headers: idHeaders(['A, B', 'A, B', undefined]) },
    differs:
      'a comma and a space, as Node.js and Azure Functions join them; RFC 9110 section 5.2 takes both for the same',
  },
  {
    line: 'run() cannot override x-request-id',
    request: { service: 'http', at: '/score?status=200', headers: ['x-request-id: A'] },
    expected: { ...own(200, 'False'), headers: { ...idHeaders(['A', 'A', undefined]), 'x-own': 'mine' } },
  },
  {
    line: 'TraceId is echoed as TraceId',
    request: { service: 'plain', body: 'a', headers: ['TraceId: 7'] },
    expected: { ...ok, headers: { TraceId: '7' } },
  },
  ...[
    { line: 'GET /', request: { path: '/', method: 'GET' }, expected: { status: 200, type: html, body: 'Healthy' } },
    {
      line: 'swagger',
      request: { service: 'plain', at: '/swagger.json', method: 'GET' },
      expected: { status: 200, type: json, failed: 'False' as const },
    },
  ].map(({ line, request, expected }) => ({
    line: `ids and x-ms-server-version are on ${line}`,
    request: { ...request, headers: ['x-request-id: A', 'TraceId: 7'] },
    expected: { ...expected, headers: { ...idHeaders(['A', 'A', undefined]), traceid: '7' } },
  })),
  {
    line: 'x-ms-run-function-failed is False on a returned AMLResponse below 500',
    request: { service: 'http', at: '/score?status=200' },
    expected: own(200, 'False'),
  },
  {
    line: 'also on one of 400',
    request: { service: 'http', at: '/score?status=400' },
    expected: own(400, 'False'),
  },
  {
    line: 'a returned response of 500 has x-ms-run-function-failed: True and x-ms-run-fn-exec-ms',
    request: { service: 'http', at: '/score?status=500' },
    expected: own(500, 'True'),
  },
  {
    line: 'x-ms-run-fn-exec-ms is absent when run() raises',
    request: { service: 'plain', body: 'raise' },
    expected: refused(500, 'An unexpected error occurred in scoring script. Check the logs for more info.', 'True'),
  },
  {
    line: 'and when its result cannot be written',
    request: { service: 'plain', body: 'unwritable' },
    expected: refused(500, 'An unexpected internal error occurred. Check the logs for more info.'),
  },
]

// Not ours to give: what the front end of managed endpoints does to ids, and its throttling trailers.
contractTable('section 2: headers', services, rows)

const hidden = { 'x-ms-server-version': undefined }
for (const [value, headers] of [
  ['false', hidden],
  ['1', hidden],
  ['TRUE', {}],
] as const) {
  contractTable(
    `section 2: SERVER_VERSION_LOG_RESPONSE_ENABLED=${value}`,
    { 'plain/service.json': services['plain/service.json'], 'plain/score.js': services['plain/score.js'] },
    [
      {
        line: `x-ms-server-version is ${value === 'TRUE' ? 'on' : 'off'} with a score`,
        request: { service: 'plain', body: 'a' },
        expected: { ...ok, headers },
      },
      {
        line: `x-ms-server-version is ${value === 'TRUE' ? 'on' : 'off'} with GET /`,
        request: { path: '/', method: 'GET' },
        expected: { status: 200, body: 'Healthy', headers },
      },
    ],
    { SERVER_VERSION_LOG_RESPONSE_ENABLED: value },
  )
}
