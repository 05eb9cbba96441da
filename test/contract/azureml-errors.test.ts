import { asJson, type ContractRow, contractTable, refused, scored } from './contract-table.ts'

const plain = `
    export const init = () => {}
    export const run = text => {
      if (text === 'exit') process.exit(3)
      if (text === 'sleep') return new Promise(() => {})
      if (text === 'spin') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      if (text === 'timeout-error') throw new DOMException('mine', 'TimeoutError')
      return JSON.parse(text)
    }`
const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': plain,
  'brief/service.json': { entryScript: 'score.js', limits: { timeoutMs: 1000 } },
  'brief/score.js': plain,
  'typed/service.json': { entryScript: 'score.js' },
  'typed/score.js': `
    import { tensor } from 'scoring-functions'
    export const input = tensor([[1, 2]], 'float64')
    export const init = () => {}
    export const run = ({ data }) => data`,
  'zod/service.json': { entryScript: 'score.js' },
  'zod/score.js': `
    import * as z from 'zod'
    export const input = z.object({ data: z.array(z.number()) })
    export const init = () => {}
    export const run = ({ data }) => data`,
}

const scriptFailed = 'An unexpected error occurred in scoring script. Check the logs for more info.'
const callersFault = "it is the caller's fault: 400 naming the input (design, section 4)"
/** A row of typed scripts, by tensor and by zod. */
const typed = (body: string | Uint8Array | undefined, headers: readonly string[] = asJson) =>
  ['typed', 'zod'].map(service => ({ service, headers, ...(body === undefined ? {} : { body }) }))

const contentTypes = ['text/plain', 'text/json', 'application/x-www-form-urlencoded', 'application/jsonx', undefined]

/** Malformed JSON, and the position that CPython 3.11's `json.JSONDecodeError` has. */
const malformed: [body: string, text: string][] = [
  ['{"data": [1,]}', 'unexpected character at line 1, column 13'],
  ['{"data": ', 'unexpected end at line 1, column 10'],
  ['{"data"\n 1}', 'unexpected character at line 2, column 2'],
  ['nonsense', 'unexpected character at line 1, column 1'],
  ['{} {}', 'unexpected character at line 1, column 4'],
]

const wrong: [what: string, body: string, message: string][] = [
  ['shape', '{"data": [[1, 2, 3]]}', 'input "data" has shape [1, 3]; expected [rows, 2] (rows: any size)'],
  ['rank', '{"data": [1, 2]}', 'input "data" has shape [2]; expected [rows, 2] (rows: any size)'],
]

const rows: ContractRow[] = [
  {
    line: 'body not JSON, undecorated: run() gets the text, and its own parse fails',
    request: { service: 'plain', body: 'not json' },
    expected: refused(500, scriptFailed, 'True'),
  },
  {
    line: 'body not UTF-8, undecorated',
    request: { service: 'plain', body: Uint8Array.of(0xff) },
    expected: refused(400, 'Input cannot be decoded as UTF-8: invalid byte at offset 0'),
    differs: "the same position without CPython's reason, which no client reads",
  },
  ...typed(Uint8Array.of(0xff)).map(request => ({
    line: `body not UTF-8, schema: ${request.service}`,
    request,
    expected: refused(400, 'Input cannot be decoded as UTF-8: invalid byte at offset 0'),
    differs: "it is the caller's fault: 400 as for other scripts, where the original has 500",
  })),
  ...contentTypes.flatMap(type =>
    typed('{"data": []}', type ? [`Content-Type: ${type}`] : []).map(request => ({
      line: `wrong content type: ${type}, ${request.service}`,
      request,
      // Ours may go on and name the type that came.
      expected: {
        status: 415,
        failed: 'False' as const,
        body: /^\{"message": "Expects Content-Type to be application\/json/,
      },
    })),
  ),
  ...typed('').map(request => ({
    line: `empty body: ${request.service}`,
    request,
    expected: refused(400, 'POST body is empty. Expecting a JSON dictionary.'),
  })),
  ...typed(undefined).map(request => ({
    line: `no body at all: ${request.service}`,
    request,
    expected: refused(400, 'POST body is empty. Expecting a JSON dictionary.'),
  })),
  ...malformed.flatMap(([body, text]) =>
    typed(body).map(request => ({
      line: `malformed JSON: ${JSON.stringify(body)}, ${request.service}`,
      request,
      expected: refused(400, `POST body could not be decoded as JSON: ${text}`),
      differs: "the same position without CPython's reason, which no client reads",
    })),
  ),
  ...['[[1, 2]]', '1', '"text"', 'null', 'true'].flatMap(body =>
    typed(body).map(request => ({
      line: `JSON not an object: ${body}, ${request.service}`,
      request,
      expected: refused(400, 'POST body should be a JSON dictionary.'),
    })),
  ),
  ...['{}', '{"Data": [[1, 2]]}'].flatMap(body =>
    typed(body).map(request => ({
      line: `parameter missing, names are case-sensitive: ${body}, ${request.service}`,
      request,
      expected: refused(400, "A value is not provided for the 'data' parameter."),
    })),
  ),
  ...wrong.map(([what, body, message]) => ({
    line: `wrong ${what} for the declared sample`,
    request: { service: 'typed', headers: asJson, body },
    expected: refused(400, message),
    differs: callersFault,
  })),
  ...typed('{"data": "text"}').map(request => ({
    line: `wrong type for the declared input: ${request.service}`,
    request,
    expected: { status: 400, failed: 'False' as const, body: /data/ },
    differs: callersFault,
  })),
  {
    line: '{"data": []} is refused (addendum 2)',
    request: { service: 'typed', headers: asJson, body: '{"data": []}' },
    expected: { status: 400, failed: 'False', body: /INPUT_SHAPE_MISMATCH/ },
    differs: callersFault,
  },
  ...['sleep', 'spin'].map(body => ({
    line: `run() longer than the limit: ${body}`,
    request: { service: 'brief', body },
    expected: { ...refused(504, 'Scoring timeout after 1000 ms', 'True') },
    differs: 'a timeout is 504 (design, section 4)',
  })),
  {
    line: 'run() itself raises TimeoutError (addendum 3)',
    request: { service: 'plain', body: 'timeout-error' },
    expected: refused(500, scriptFailed, 'True'),
    differs: 'the clock has not fired, so it is not said that it has',
  },
  {
    line: 'SystemExit in run()',
    request: { service: 'plain', body: 'exit' },
    expected: { status: 500, failed: 'True', body: /"code": "ENTRY_SCRIPT_ENDED_THREAD"/ },
    differs: 'JSON like every error, and the process goes on, where the original answers HTML and its worker restarts',
  },
  {
    line: 'unknown swagger version',
    request: { service: 'plain', at: '/swagger.json?version=9', method: 'GET' },
    expected: refused(404, 'Swagger version [9] is not valid. Supported versions: [2, 3, 3.1].'),
  },
  {
    line: 'a payload of 100 MB is taken, as nginx before the original takes it',
    request: { service: 'plain', body: Buffer.alloc(100 * 2 ** 20, ' ').fill('1', 0, 1) },
    expected: scored('1'),
  },
  {
    line: 'a larger one is refused',
    request: { service: 'plain', body: Buffer.alloc(100 * 2 ** 20 + 1, ' ') },
    expected: { status: 413, failed: 'False', body: /The request body is larger than 104857600 bytes/ },
  },
  {
    line: 'no credential: HTTP auth is not implemented by the container',
    request: { path: '/api/v1/service/plain/score', body: '1' },
    expected: {
      status: 401,
      failed: 'False',
      body: /"code": "BEARER_MISSING"/,
      headers: { 'www-authenticate': 'Bearer realm="plain"' },
    },
    differs: 'no front end checks the key for us: 401 as RFC 6750 says (design, section 4)',
  },
  {
    line: 'an unknown service',
    request: { path: '/api/v1/service/nobody/score', body: '1' },
    expected: refused(404, 'There is no such service.'),
    differs: 'the original has one service; that there is none is told before a key is asked for',
  },
]

// In other files: run() raises, the result cannot be written, an id too long (headers); a swagger version that a schema
// rules out (swagger). Not ours to give: the statuses of front ends (424, 502 for 500, 429 and 408 of
// managed endpoints); our own 503 and 504 are in test/functions/failing-services.test.ts and test/workers/pool/service-scheduler.test.ts.
contractTable('section 3: errors', services, rows)
