import { type ContractAnswer, type ContractRow, contractTable, json, scored } from './contract-table.ts'

const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': 'export const init = () => {}; export const run = text => text.length',
}

/** Written before any function is asked: JSON like every error, and the connection ends. */
const byHost = (status: number, body: RegExp): ContractAnswer => ({
  status,
  type: json,
  body,
  router: true,
  headers: { 'x-ms-run-function-failed': undefined, connection: 'close' },
})
const fields = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}: 1`)
const likeAzure = 'as Kestrel, on which Azure Functions runs'

const rows: ContractRow[] = [
  {
    line: 'a request line over 4094 bytes is 400',
    request: { service: 'plain', method: 'GET', at: `/score?a=${'1'.repeat(5000)}` },
    expected: scored('5007'),
    differs: `longer ones are taken, up to 32 KiB with the headers, ${likeAzure}`,
  },
  {
    line: 'a header field of 9 KB is 431',
    request: { service: 'plain', body: 'a', headers: [`x-long: ${'a'.repeat(9000)}`] },
    expected: scored('1'),
    differs: `taken, up to 32 KiB of request line and headers, ${likeAzure}`,
  },
  {
    line: 'headers beyond that are 431',
    request: { service: 'plain', body: 'a', headers: [`x-long: ${'a'.repeat(33_000)}`] },
    expected: byHost(
      431,
      /^\{"message": "The request line and the headers .* 32768 bytes.*", "code": "HEADERS_TOO_LARGE"\}$/,
    ),
  },
  {
    line: 'as are those of which most is still to come when they are refused',
    request: { service: 'plain', body: 'a', headers: fields(50).map(field => `${field}${'a'.repeat(40_000)}`) },
    expected: byHost(431, /HEADERS_TOO_LARGE/),
  },
  {
    line: '100 header fields are taken', // five of them are the client's own
    request: { service: 'plain', body: 'a', headers: fields(96) },
    expected: scored('1'),
  },
  {
    line: 'more than 100 header fields are 431',
    request: { service: 'plain', body: 'a', headers: fields(97) },
    expected: byHost(
      431,
      /^\{"message": "A request may have 100 header fields at most\.", "code": "HEADERS_TOO_LARGE"\}$/,
    ),
  },
  {
    line: 'thousands of header fields',
    request: { service: 'plain', body: 'a', headers: fields(2500) },
    expected: byHost(
      431,
      /^\{"message": "A request may have 100 header fields at most\.", "code": "HEADERS_TOO_LARGE"\}$/,
    ),
  },
  ...[
    ['an unknown verb', { method: 'NONSENSE', path: '/' }],
    ['a target with a space', { method: 'GET', path: '/a b' }],
    ['a header without a name', { method: 'GET', path: '/', headers: [': x'] }],
    ['a space in the name of a header', { method: 'GET', path: '/', headers: ['x y: z'] }],
    ['two lengths', { path: '/', body: 'a', headers: ['Content-Length: 2'] }],
    ['a length and chunks', { path: '/', body: 'a', chunks: 1, headers: ['Content-Length: 2'] }],
  ].map(([line, request]) => ({
    line: `a request that cannot be read is 400: ${line}`,
    request: request as ContractRow['request'],
    expected: byHost(400, /^\{"message": "The request is not HTTP\/1\.1: .*", "code": "REQUEST_MALFORMED"\}$/),
  })),
]

contractTable('addendum 11: limits of the front', services, rows)
