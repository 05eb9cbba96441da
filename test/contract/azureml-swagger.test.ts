import { type ContractAnswer, type ContractRow, contractTable, json, refused } from './contract-table.ts'

const services = {
  'plain/service.json': { entryScript: 'score.js' },
  'plain/score.js': 'export const init = () => {}; export const run = text => text',
  'typed/service.json': { entryScript: 'score.js' },
  'typed/score.js': `
    import { tensor } from 'scoring-functions'
    export const input = tensor([[1, 2]], 'float64')
    export const init = () => {}
    export const run = ({ data }) => data`,
  'mixed/service.json': { entryScript: 'score.js' },
  'mixed/score.js': `
    import * as z from 'zod'
    export const input = z.object({ a: z.union([z.string(), z.number()]) })
    export const init = () => {}
    export const run = ({ a }) => a`,
}

const asked = (query: string, service = 'plain') => ({ service, method: 'GET', at: `/swagger.json${query}` })
const described = (body: RegExp): ContractAnswer => ({ status: 200, type: json, body, failed: 'False' })

const versions: [query: string, start: RegExp][] = [
  ['', /^\{"swagger": "2\.0"/],
  ['?version=2', /^\{"swagger": "2\.0"/],
  ['?version=2.0', /^\{"swagger": "2\.0"/],
  ['?version=3', /^\{"openapi": "3\.0\.3"/],
  ['?version=3.0', /^\{"openapi": "3\.0\.3"/],
  ['?version=3.1', /^\{"openapi": "3\.1\.0"/],
  ['?version=3&version=9', /^\{"openapi": "3\.0\.3"/],
]

const bearer = { Bearer: { type: 'apiKey', name: 'Authorization', in: 'header' } }
const rowsOfDoubles = { type: 'array', items: { type: 'array', items: { type: 'number', format: 'double' } } }

/** Members that the original's documents have. */
const facts: [what: string, query: string, service: string, members: object][] = [
  [
    'paths and ids of the operations; scheme and security',
    '',
    'plain',
    {
      info: { title: 'plain', version: '1.0' },
      schemes: ['https'],
      securityDefinitions: bearer,
      paths: {
        '/api/v1/service/plain/': { get: { operationId: 'ServiceHealthCheck' } },
        '/api/v1/service/plain/score': {
          post: { operationId: 'RunMLService', parameters: [{ name: 'serviceInputPayload', in: 'body' }] },
        },
        '/api/v1/service/plain/swagger.json': { get: { operationId: 'GetSwaggerSpec' } },
      },
    },
  ],
  [
    'the version parameter lists 2 and 3 only',
    '',
    'plain',
    { paths: { '/api/v1/service/plain/swagger.json': { get: { parameters: [{ name: 'version', enum: [2, 3] }] } } } },
  ],
  [
    'definitions; undecorated: open objects',
    '',
    'plain',
    {
      definitions: {
        ServiceInput: { type: 'object', example: {} },
        ServiceOutput: { type: 'object', example: {} },
        ErrorResponse: { type: 'object', properties: { message: { type: 'string' } } },
      },
    },
  ],
  [
    'version 3: components',
    '?version=3',
    'plain',
    { components: { securitySchemes: bearer, schemas: { ServiceInput: { type: 'object', example: {} } } } },
  ],
  [
    'numpy arrays: nested arrays by rank, format and example; one combined example, no required',
    '',
    'typed',
    {
      definitions: {
        ServiceInput: {
          type: 'object',
          properties: { data: { ...rowsOfDoubles, format: 'numpy.ndarray' } },
          example: { data: [[1, 2]] },
        },
      },
    },
  ],
]

const rows: ContractRow[] = [
  ...versions.map(([query, start]) => ({
    line: `version: ${query || 'absent'}`,
    request: asked(query),
    expected: described(start),
  })),
  ...['9', '', '2.1', 'x', '3.1.0', '02'].map(version => ({
    line: `anything else is 404: "${version}"`,
    request: asked(`?version=${version}`),
    expected: refused(404, `Swagger version [${version}] is not valid. Supported versions: [2, 3, 3.1].`),
  })),
  ...['', '?version=2'].map(query => ({
    line: `a schema that Swagger 2 cannot express drops version 2 only: ${query || 'absent'}`,
    request: asked(query, 'mixed'),
    expected: refused(
      404,
      'Swagger version [2] is not supported for the scoring script. Supported swagger versions: [3, 3.1].',
    ),
  })),
  {
    line: 'and version 3 stays',
    request: asked('?version=3', 'mixed'),
    expected: described(/^\{"openapi": "3\.0\.3"/),
  },
  ...facts.map(([what, query, service, has]) => ({
    line: what,
    request: asked(query, service),
    expected: { status: 200, type: json, failed: 'False' as const, has },
  })),
]

// The documents themselves, member by member, and through validators: test/functions/openapi.test.ts. Other by design: user
// files (swagger2.json and so on) do not win, the document comes from what runs; SERVICE_NAME, SERVICE_VERSION and
// SERVICE_PATH_PREFIX are the service's own name and path here.
contractTable('section 6: swagger', services, rows)
