import { type ContractAnswer, type ContractRow, contractTable, json, refused, scored } from './contract-table.ts'

const script = `
  import { Tensor } from 'scoring-functions'
  export const init = () => {}
  export const run = expression => new Function('Tensor', 'return ' + expression)(Tensor)`
const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': script,
  'literal/service.json': { entryScript: 'score.js', response: { nonFinite: 'literal' } },
  'literal/score.js': script,
  'twice/service.json': { entryScript: 'score.js', response: { encoding: 'json-string' } },
  'twice/score.js': script,
}

const returned = (expression: string, service = 'plain') => ({ service, body: expression })
const unwritable = refused(500, 'An unexpected internal error occurred. Check the logs for more info.')
const own = (status: number, more: Partial<ContractAnswer> = {}): ContractAnswer => ({
  status,
  timed: true,
  failed: 'False',
  ...more,
})

/** JavaScript, and what CPython 3.11 writes of its counterpart. */
const values: [what: string, expression: string, wire: string][] = [
  ['str', '"a \\u00e9\\n"', '"a \\u00e9\\n"'],
  ['str that is JSON already is encoded once more', 'JSON.stringify({a: [1]})', '"{\\"a\\":[1]}"'],
  ['str beyond the BMP', '"😀"', '"\\ud83d\\ude00"'],
  ['str with a lone surrogate', '"\\ud800"', '"\\ud800"'],
  ['str with DEL', '"\\x7f"', '"\\u007f"'],
  ['an empty str', '""', '""'],
  ['None', 'null', '{}'],
  ['None: undefined', 'undefined', '{}'],
  ['None inside', '[null, {a: null}]', '[null, {"a": null}]'],
  ['list', '[1, "a", [], {}]', '[1, "a", [], {}]'],
  ['dict, key order kept', '({b: 1, a: {c: [true, false]}})', '{"b": 1, "a": {"c": [true, false]}}'],
  ['bool', 'true', 'true'],
  ['int', '-42', '-42'],
  ['int beyond 2^53', '2n ** 64n', '18446744073709551616'],
  ['dict with int keys: they become text', '({1: "a"})', '{"1": "a"}'],
  ['float', '0.1 + 0.2', '0.30000000000000004'],
  ['float 1e-7', '1e-7', '1e-07'],
  ['float 1e-5', '0.00001', '1e-05'],
  ['float 0.0001', '0.0001', '0.0001'],
  ['float 1.5e300', '1.5e300', '1.5e+300'],
  ['float 5e-324', '5e-324', '5e-324'],
]

/** Floats keep `.0` where JavaScript knows that they are floats: in tensors and typed arrays. */
const floats: [expression: string, wire: string][] = [
  [
    '[1, -0, 3e15, 1e16, 123456789012345680, 1e22]',
    '[1.0, -0.0, 3000000000000000.0, 1e+16, 1.2345678901234568e+17, 1e+22]',
  ],
  ['[0.1, 1e-7, 0.0001, 1e-5]', '[0.1, 1e-07, 0.0001, 1e-05]'],
]

/** `numpy`'s `repr` of each float32 and float16, shortest text that reads back. */
const tensors: [dtype: string, data: string, wire: string][] = [
  ['float32', '[[0.1, 16777216], [3.4028235e38, 1e-45]]', '[[0.1, 16777216.0], [3.4028235e+38, 1e-45]]'],
  ['float64', '[[0.1, 1], [1e16, 1e-7]]', '[[0.1, 1.0], [1e+16, 1e-07]]'],
  ['float16', '[0.1, 0.333, 65504, 6e-8]', '[0.1, 0.333, 65500.0, 6e-08]'],
  ['int8', '[-128, 127]', '[-128, 127]'],
  ['uint8', '[0, 255]', '[0, 255]'],
  ['int16', '[-32768, 32767]', '[-32768, 32767]'],
  ['uint16', '[0, 65535]', '[0, 65535]'],
  ['int32', '[-2147483648, 2147483647]', '[-2147483648, 2147483647]'],
  ['uint32', '[0, 4294967295]', '[0, 4294967295]'],
  ['int64', '[-(2n ** 63n), 2n ** 63n - 1n]', '[-9223372036854775808, 9223372036854775807]'],
  ['uint64', '[0n, 2n ** 64n - 1n]', '[0, 18446744073709551615]'],
  ['bool', '[[true], [false]]', '[[true], [false]]'],
  ['string', '["a", "é"]', '["a", "\\u00e9"]'],
  ['float64', '7', '7.0'],
]

const typedArrays: [expression: string, wire: string][] = [
  ['Float64Array.of(1, 0.1)', '[1.0, 0.1]'],
  ['Float32Array.of(1, 0.1)', '[1.0, 0.1]'],
  ["Tensor.from('float16', [1, 0.1]).data", '[1.0, 0.1]'],
  ['Int8Array.of(-1)', '[-1]'],
  ['Uint8ClampedArray.of(255)', '[255]'],
  ['BigInt64Array.of(-(2n ** 63n))', '[-9223372036854775808]'],
  ['BigUint64Array.of(2n ** 64n - 1n)', '[18446744073709551615]'],
]

/** Values that JSON.stringify would drop or turn into `{}`. */
const notJson = [
  'new Set([1])',
  'new Map()',
  '(function* () { yield 1 })()',
  '() => 1',
  'Symbol("s")',
  'new Error("e")',
  '/x/',
  'new ArrayBuffer(1)',
  'new DataView(new ArrayBuffer(1))',
  'new Blob(["a"])',
  'Promise.resolve(new WeakMap())',
  '[{ a: new Set() }]',
  '(() => { const cycle = []; cycle.push(cycle); return cycle })()',
  '({ toJSON() { throw new Error("no") } })',
]

const rows: ContractRow[] = [
  ...values.map(([what, expression, wire]) => ({ line: what, request: returned(expression), expected: scored(wire) })),
  ...floats.map(([expression, wire]) => ({
    line: `floats keep .0, 1e-07, 1e+16: ${expression}`,
    request: returned(`Float64Array.from(${expression})`),
    expected: scored(wire),
  })),
  ...[
    ['1.0', '1'],
    ['-0', '0'],
    ['1e16', '10000000000000000'],
  ].map(([expression, wire]) => ({
    line: `a whole float outside a tensor: ${expression}`,
    request: returned(expression as string),
    expected: scored(wire as string),
    differs: 'JavaScript has one number type: whole numbers are written as int; tensors and typed arrays keep .0',
  })),
  ...['NaN', 'Infinity', '-Infinity'].flatMap(number => [
    {
      line: `bare ${number}, with "nonFinite": "literal"`,
      request: returned(`[${number}, Float32Array.of(${number})]`, 'literal'),
      expected: scored(`[${number}, [${number}]]`),
    },
    {
      line: `${number} by default`,
      request: returned(`[${number}, Float32Array.of(${number})]`),
      expected: scored('[null, [null]]'),
      differs: 'null, which is JSON (design, section 4)',
    },
  ]),
  ...tensors.map(([dtype, data, wire]) => ({
    line: `ndarray.tolist(): ${dtype} ${data}`,
    request: returned(`Tensor.from('${dtype}', ${data})`),
    expected: scored(wire),
    ...(dtype === 'float16' || dtype === 'float32'
      ? { differs: 'the shortest text of its own type, not of the double' }
      : {}),
  })),
  ...typedArrays.map(([expression, wire]) => ({
    line: `ndarray: ${expression}`,
    request: returned(expression),
    expected: scored(wire),
    differs: 'the original cannot write an ndarray (500)',
  })),
  {
    line: 'datetime',
    request: returned('({ at: new Date(0), never: new Date(NaN) })'),
    expected: scored('{"at": "1970-01-01T00:00:00.000Z", "never": null}'),
    differs: "what a JavaScript author expects of a Date; the original's is 500",
  },
  {
    line: 'bytes',
    request: returned('[new Uint8Array([1, 2]), Buffer.from("a")]'),
    expected: scored('[[1, 2], [97]]'),
    differs: 'a typed array like the others; the original cannot write bytes (500)',
  },
  {
    line: 'an object of a class: its members',
    request: returned('new (class { a = 1; #b = 2; c = undefined; d() {} })()'),
    expected: scored('{"a": 1}'),
    differs: 'as JSON.stringify does; the original cannot write it (500)',
  },
  ...notJson.map(expression => ({
    line: `not JSON-serialisable (set, generator and the like): ${expression}`,
    request: returned(expression),
    expected: unwritable,
  })),
  {
    line: 'a promise is awaited',
    request: returned('Promise.resolve([1])'),
    expected: scored('[1]'),
    differs: 'run() may be asynchronous here',
  },
  {
    line: 'AMLResponse: as is',
    request: returned('new Response("own", { status: 201, headers: { "content-type": "text/x", "x-one": "1" } })'),
    expected: own(201, { type: 'text/x', body: 'own', headers: { 'x-one': '1' } }),
  },
  {
    line: 'Response with bytes',
    request: returned('new Response(new Uint8Array([0, 255]), { headers: { "content-type": "image/png" } })'),
    expected: own(200, { type: 'image/png', body: '\0\uFFFD', headers: { 'content-length': '2' } }),
  },
  {
    line: 'AMLResponse, streaming',
    request: returned('new Response(new Blob(["a", "b"]).stream())'),
    expected: own(200, { body: 'ab' }),
  },
  {
    line: 'Response without a content type',
    request: returned('new Response("own")'),
    expected: own(200, { type: 'text/plain;charset=UTF-8', body: 'own' }),
    differs: 'what the standard Response says of a text; the original has text/html',
  },
  {
    line: 'Response with bytes, without a content type',
    request: returned('new Response(new Uint8Array([65]))'),
    expected: own(200, { body: 'A', headers: { 'content-type': undefined } }),
    differs: 'bytes are no HTML, as the original calls them: a browser would run what is in them',
  },
  {
    line: 'AMLResponse(json_str=True)',
    request: returned('Response.json({ a: 1 }, { status: 202 })'),
    expected: own(202, { type: json, body: '{"a":1}' }),
    differs: 'the standard Response writes JSON without spaces',
  },
  ...[333, 400, 404, 444].map(status => ({
    line: `any status: ${status}, not a failure`,
    request: returned(`new Response("own", { status: ${status} })`),
    expected: own(status, { body: 'own' }),
  })),
  ...[500, 555, 599].map(status => ({
    line: `status ${status} forces x-ms-run-function-failed: True`,
    request: returned(`new Response("own", { status: ${status}, headers: { "x-ms-run-function-failed": "False" } })`),
    expected: own(status, { body: 'own', failed: 'True' }),
  })),
  {
    line: 'AMLResponse(run_function_failed=True) with a status below 500',
    request: returned('new Response("own", { headers: { "x-ms-run-function-failed": "True" } })'),
    expected: own(200, { body: 'own', failed: 'True' }),
  },
  ...[204, 304].map(status => ({
    line: `status ${status}, which has no body`,
    request: returned(`new Response(null, { status: ${status} })`),
    expected: own(status, { body: '' }),
  })),
  ...['new Response("x", { status: 199 })', 'new Response("x", { status: 600 })'].map(expression => ({
    line: `any status, out of the range of a standard Response: ${expression}`,
    request: returned(expression),
    expected: refused(500, 'An unexpected error occurred in scoring script. Check the logs for more info.', 'True'),
    differs: 'a standard Response has 200 to 599, as has the Functions host; making another one throws inside run()',
  })),
  {
    line: 'Response.error() is no answer',
    request: returned('Response.error()'),
    expected: unwritable,
    differs: 'there is no such thing in Python',
  },
  {
    line: 'AMLResponse: header values are split on commas',
    request: returned('new Response("own", { headers: [["x-two", "a"], ["x-two", "b"]] })'),
    expected: own(200, { body: 'own', headers: { 'x-two': 'a, b' } }),
    differs: 'a Response joins them, which RFC 9110, section 5.2 takes for the same; dates with commas stay whole',
  },
  {
    line: 'repeated cookies stay apart',
    request: returned('new Response("own", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] })'),
    expected: own(200, { body: 'own', headers: { 'set-cookie': ['a=1', 'b=2'] } }),
  },
  {
    line: 'older clients: json.loads(response.json()), with "encoding": "json-string"',
    request: returned('({a: ["é"]})', 'twice'),
    expected: scored('"{\\"a\\": [\\"\\\\u00e9\\"]}"'),
  },
]

// Not ours to give: the import paths `azureml.contrib.services.*`; `True` and `1` as keys of one dict, which JavaScript has not.
contractTable('section 5: output of run()', services, rows)
