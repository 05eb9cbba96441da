import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { asJson, type ContractRow, contractTable, refused, scored } from './contract-table.ts'

const init = 'export const init = () => {}\n'
const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': `${init} export const run = text => text`,
  'headers/service.json': { entryScript: 'score.js' },
  'headers/score.js': `${init} export const run = (text, headers) => headers`,
  'typed/service.json': { entryScript: 'score.js' },
  'typed/score.js': `
    import { tensor } from 'scoring-functions'
    export const input = tensor([[1, 2]], 'float64')
    ${init} export const run = ({ data }) => data`,
  'typed-headers/service.json': { entryScript: 'score.js' },
  'typed-headers/score.js': `
    import { tensor } from 'scoring-functions'
    export const input = tensor([[1, 2]], 'float64')
    ${init} export const run = ({ data }, headers) => [data, headers['X-Who']]`,
  'ints/service.json': { entryScript: 'score.js' },
  'ints/score.js': `
    import { tensor } from 'scoring-functions'
    export const input = tensor([1n], 'int64')
    ${init} export const run = ({ data }) => data`,
  'zod/service.json': { entryScript: 'score.js' },
  'zod/score.js': `
    import * as z from 'zod'
    export const input = z.object({ a: z.int(), b: z.string().default('b'), f: z.number().optional() })
    ${init} export const run = (input, headers) => [input, headers['X-Who']]`,
  'http/service.json': { entryScript: 'score.js' },
  'http/score.js': `
    export const rawHttp = true
    ${init} export const run = async request => {
      const type = request.headers.get('content-type') ?? ''
      const form = type.includes('form') ? [...await request.formData()] : undefined
      return [request.method, new URL(request.url).search, form ?? await request.text(), [...request.headers.keys()].join()]
    }`,
}
const rows2 = '{"data": [[1, 2]]}'
const plain = (body: string | Uint8Array, headers: string[] = []) => ({ service: 'plain', body, headers })
const form = 'Content-Type: application/x-www-form-urlencoded'
const query = (text: string, service = 'plain') => ({ service, method: 'GET', at: `/score?${text}` })

/** Queries, and the text that the original's undecorated `run` receives. */
const queries: [query: string, text: string][] = [
  ['', '{}'],
  ['a=1&b=[1,2]&c=a&d=null', '{"a": 1, "b": [1, 2], "c": "a", "d": null}'],
  ['e=', '{"e": ""}'],
  ['e', '{"e": ""}'],
  ['g=01', '{"g": "01"}'],
  ['h=1.50', '{"h": 1.5}'],
  ['i=true', '{"i": true}'],
  ['x=1&y=2&x=3', '{"x": [1, 3], "y": 2}'],
  ['2=b&1=a', '{"2": "b", "1": "a"}'],
  ['a+b=c+d', '{"a b": "c d"}'],
  ['a=1;b=2', '{"a": "1;b=2"}'],
  ['x=%20%201', '{"x": 1}'],
  ['f=%FF', '{"f": "%FF"}'],
  ['f=%FFa%C3%BC', '{"f": "%FFa\\u00fc"}'],
  ['x=12345678901234567890', '{"x": 12345678901234567890}'],
  ['x=0.1&y=1e-7&z=1.0&w=1e5', '{"x": 0.1, "y": 1e-07, "z": 1.0, "w": 100000.0}'],
  ['x={"a":[1.0,{"b":2}]}', '{"x": {"a": [1.0, {"b": 2}]}}'],
  ['x="%5Cud800"', '{"x": "\\ud800"}'],
]

const rows: ContractRow[] = [
  ...['text/plain', 'application/json', 'application/octet-stream', undefined].map(type => ({
    line: `undecorated POST, any content type: ${type}`,
    request: plain('abc', type ? [`Content-Type: ${type}`] : []),
    expected: scored('"abc"'),
  })),
  { line: 'undecorated POST without a body', request: { service: 'plain' }, expected: scored('""') },
  ...[form, `${form}; charset=utf-8`, 'Content-Type: multipart/form-data; boundary=x'].map(type => ({
    line: `undecorated POST of a form gets the empty string: ${type}`,
    request: plain('a=1', [type]),
    expected: scored('""'),
  })),
  {
    line: 'multipart without a boundary is raw text (addendum 1)',
    request: plain('a=1', ['Content-Type: multipart/form-data']),
    expected: scored('"a=1"'),
  },
  {
    line: 'multipart around a broken body is the empty string (addendum 1)',
    request: plain('--x\r\nbroken', ['Content-Type: multipart/form-data; boundary=x']),
    expected: scored('""'),
  },
  {
    line: 'rawhttp sees a form as a form',
    request: { service: 'http', body: 'a=1&b=2', headers: [form] },
    expected: scored(/^\["POST", "", \[\["a", "1"\], \["b", "2"\]\], /),
  },
  ...queries.map(([text, expected]) => ({
    line: `GET ?${text}, undecorated: JSON text of the parsed values (addendum 9)`,
    request: query(text.replaceAll('"', '%22').replaceAll('{', '%7B').replaceAll('}', '%7D')),
    expected: scored(JSON.stringify(expected)),
  })),
  {
    line: 'GET ?x=NaN',
    request: query('x=NaN'),
    expected: scored(JSON.stringify('{"x": "NaN"}')),
    differs: 'stays text: a bare NaN would be no JSON for the script',
  },
  {
    line: 'GET, schema: parameters are picked',
    request: query('data=[[1,2]]&more=1', 'typed'),
    expected: scored('[[1.0, 2.0]]'),
  },
  {
    line: 'GET without the parameter, schema',
    request: query('', 'typed'),
    expected: refused(400, "A value is not provided for the 'data' parameter."),
  },
  {
    line: 'GET, rawhttp: the request as it is',
    request: query('a=1&a=%FF', 'http'),
    expected: scored(/^\["GET", "\?a=1&a=%FF", "", /),
  },
  {
    line: 'POST, rawhttp: the request as it is',
    request: { service: 'http', body: 'abc', headers: ['Content-Type: text/plain'] },
    expected: scored(/^\["POST", "", "abc", /),
  },
  ...[1, 3, 100].flatMap(chunks => [
    {
      line: `chunked body, ${chunks} bytes each, undecorated`,
      request: { ...plain('abcdefg'), chunks },
      expected: scored('"abcdefg"'),
    },
    {
      line: `chunked body, ${chunks} bytes each, schema`,
      request: { service: 'typed', headers: asJson, body: rows2, chunks },
      expected: scored('[[1.0, 2.0]]'),
    },
  ]),
  ...['plain', 'typed'].flatMap(service =>
    Object.entries({ gzip: gzipSync(rows2), deflate: deflateSync(rows2), br: brotliCompressSync(rows2) }).map(
      ([encoding, body]) => ({
        line: `compressed body (addendum 8): ${encoding}, ${service}`,
        request: { service, body, headers: [...asJson, `Content-Encoding: ${encoding}`] },
        expected: scored(service === 'plain' ? JSON.stringify(rows2) : '[[1.0, 2.0]]'),
        differs: 'unpacked; the original gives 400 or 500',
      }),
    ),
  ),
  {
    line: 'request_headers: title case as Python does it, repeated ones joined (addendum 12)',
    request: {
      service: 'headers',
      body: '',
      headers: ['x-2nd-tHing3: a', "X-O'neil: 1", 'ETAG: e', 'x-who: A', 'X-Who: B'],
    },
    expected: scored(/^(?=.*"X-2Nd-Thing3": "a")(?=.*"X-O'Neil": "1")(?=.*"Etag": "e")(?=.*"X-Who": "A, B")/),
    differs: 'a comma and a space where the original has a comma: RFC 9110, section 5.2',
  },
  {
    line: 'request_headers: names with _ are dropped (addendum 11), and the key, which is checked already',
    request: { service: 'headers', body: '', headers: ['x_under: 1', 'x-after: 1'] },
    expected: scored(/^(?!.*(Under|UNDER|Authorization))(?=.*"X-After": "1")/),
    differs: 'without Authorization, which the original, behind a front end, hands on',
  },
  {
    line: 'request_headers with GET',
    request: { ...query('a=1', 'headers'), headers: ['x-who: me'] },
    expected: scored(/"X-Who": "me"/),
  },
  {
    line: 'request_headers beside typed input are not part of it',
    request: { service: 'typed-headers', body: rows2, headers: [...asJson, 'x-who: me'] },
    expected: scored('[[[1.0, 2.0]], "me"]'),
  },
  {
    line: 'rawhttp: names with _ are dropped (addendum 11)',
    request: { service: 'http', body: 'a', headers: ['x_under: 1'] },
    expected: scored(/^(?!.*x_under)/),
  },
  {
    line: 'request_headers beside a schema; parameters with defaults are optional',
    request: { service: 'zod', body: '{"a": 1}', headers: [...asJson, 'x-who: me'] },
    expected: scored('[{"a": 1, "b": "b"}, "me"]'),
  },
  ...['application/json; charset=utf-8', 'application/vnd.x+json', 'application/vnd.x+json; q=1'].map(type => ({
    line: `counts as JSON: ${type}`,
    request: { service: 'typed', body: rows2, headers: [`Content-Type: ${type}`] },
    expected: scored('[[1.0, 2.0]]'),
  })),
  {
    line: 'extra members are ignored in schema mode',
    request: { service: 'typed', headers: asJson, body: '{"more": {"a": 1}, "data": [[1, 2]], "__proto__": 1}' },
    expected: scored('[[1.0, 2.0]]'),
  },
  {
    line: 'any number of rows: the first dimension of the sample is free',
    request: { service: 'typed', headers: asJson, body: '{"data": [[1, 2], [3, 4], [5, 6]]}' },
    expected: scored('[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]'),
  },
  ...['[[null, 1]]', '[[NaN, 1]]'].map(data => ({
    line: `json.loads and NumpyParameterType make NaN of ${data}`,
    request: { service: 'typed', headers: asJson, body: `{"data": ${data}}` },
    expected: scored('[[null, 1.0]]'),
    differs: 'NaN in an answer is null, because NaN is no JSON',
  })),
  {
    line: 'json.loads takes infinities',
    request: { service: 'typed', headers: asJson, body: '{"data": [[Infinity, 1], [-Infinity, 2]]}' },
    expected: scored('[[null, 1.0], [null, 2.0]]'),
    differs: 'as above',
  },
  {
    line: 'NumpyParameterType casts numeric strings: [["1", 2]]',
    request: { service: 'typed', headers: asJson, body: '{"data": [["1", 2]]}' },
    expected: { status: 400, failed: 'False' as const, body: /"code": "INPUT_TYPE_MISMATCH"/ },
    differs: "a value of another type is the caller's mistake: 400 names its position, nothing is guessed",
  },
  {
    line: 'whole numbers beyond 2^53 arrive exactly',
    request: { service: 'ints', headers: asJson, body: '{"data": [9007199254740993, -9223372036854775808]}' },
    expected: scored('[9007199254740993, -9223372036854775808]'),
  },
  {
    line: 'a byte order mark is taken in schema mode (addendum 7)',
    request: { service: 'typed', headers: asJson, body: `\uFEFF${rows2}` },
    expected: scored('[[1.0, 2.0]]'),
  },
  {
    line: 'undecorated scripts receive it as part of the string (addendum 7)',
    request: plain('\uFEFFabc'),
    expected: scored('"\\ufeffabc"'),
  },
  {
    line: '3.0 as an int (addendum 10)',
    request: { service: 'zod', headers: asJson, body: '{"a": 3.0}' },
    expected: scored('[{"a": 3, "b": "b"}, null]'),
    differs: 'JSON.parse does not tell 3.0 from 3',
  },
  {
    line: 'int is accepted for float',
    request: { service: 'zod', headers: asJson, body: '{"a": 1, "f": 2}' },
    expected: scored('[{"a": 1, "b": "b", "f": 2}, null]'),
  },
  ...['{"a": true}', '{"a": 1, "f": true}'].map(body => ({
    line: `true as a number (addendum 10): ${body}`,
    request: { service: 'zod', headers: asJson, body },
    expected: { status: 400, failed: 'False' as const, body: /"code": "INPUT_INVALID"/ },
    differs: 'the schema of the script decides; the original refuses a float with 500, and takes an int',
  })),
]

// Not ours to give: pandas and Spark samples, structured dtypes, datetime texts (zod has its own); start-up errors are in
// test/adapters/node-worker/node-worker.test.ts; a script without a parameter is taken, since JavaScript lets it ignore its input.
contractTable('section 4: input of run()', services, rows)
