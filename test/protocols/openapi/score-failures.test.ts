import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { type ErrorCode, statusOf } from '../../../src/errors.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import { listScoreFailures } from '../../../src/protocols/openapi/score-failures.ts'

type Report = Parameters<typeof listScoreFailures>[1]

const failures = (definition: object, report: Partial<Report>): ReadonlySet<ErrorCode> =>
  new Set(
    listScoreFailures(ServiceDefinition.parse(definition), {
      scriptKind: 'typed',
      executionProvider: 'cpu',
      inputJsonSchema: undefined,
      ...report,
    }),
  )

const tensors = ['application/x-npy', 'application/octet-stream']
const script = { entryScript: 'score.ts' }
const stages = { models: { m: { path: 'm.onnx' } }, stages: [{ script: 'score.ts' }, { model: 'm' }] }

/** Codes of other routes, of credentials, and of the state of app and service. */
const ofOthers =
  /^(JOB_|TOO_MANY_JOBS|JOBS_|BEARER_|ROLE_|TOO_MANY_WRONG_KEYS|KEYS_|TOKEN_|OPENAPI_|METHOD_|PATH_|SERVICE_(UNKNOWN|LOADING|UNAVAILABLE)|APP_|REQUEST_(MALFORMED|ID)|HEADERS_TOO_LARGE|HTTP_|TENSORS_NOT_TAKEN|OPERATION_UNSUPPORTED|NOT_ENCRYPTED|ANSWER_TOO_LARGE|PUBLIC_KEYS_EXIST|TOO_MANY_PUBLIC_KEYS)/

describe('listScoreFailures', () => {
  const table: [string, has: ErrorCode[], hasNot: ErrorCode[], ReadonlySet<ErrorCode>][] = [
    [
      'of a model with several inputs',
      ['BODY_NOT_JSON', 'INPUT_UNKNOWN', 'TOO_MANY_ROWS', 'MODEL_RUN_FAILED'],
      ['INPUT_NOT_NPY', 'IMAGE_NOT_DECODABLE', 'ENTRY_SCRIPT_FAILED', 'STAGE_MISMATCH', 'OUTPUT_NOT_SERIALISABLE'],
      failures({}, {}),
    ],
    [
      'of a model that takes .npy',
      ['INPUT_NOT_NPY', 'INPUT_SHAPE_MISMATCH'],
      ['IMAGE_NOT_DECODABLE', 'ENTRY_SCRIPT_FAILED'],
      failures({}, { mediaTypes: tensors }),
    ],
    [
      'of a script that decodes pictures',
      ['IMAGE_NOT_DECODABLE', 'IMAGE_TOO_LARGE', 'ENTRY_SCRIPT_FAILED', 'MODEL_RUN_FAILED'],
      ['STAGE_MISMATCH'],
      failures(script, { mediaTypes: ['image/png', ...tensors] }),
    ],
    [
      'of a script that reads text, without a model',
      ['BODY_NOT_UTF8', 'ENTRY_SCRIPT_FAILED', 'OUTPUT_NOT_SERIALISABLE'],
      ['BODY_NOT_JSON', 'CONTENT_TYPE_UNSUPPORTED', 'INPUT_MISSING', 'INPUT_SHAPE_MISMATCH', 'MODEL_RUN_FAILED'],
      failures(script, { scriptKind: 'raw', executionProvider: 'none' }),
    ],
    [
      'of a raw-HTTP script',
      ['BODY_TOO_LARGE', 'QUEUE_FULL', 'ENTRY_SCRIPT_FAILED'],
      ['BODY_NOT_UTF8', 'BODY_EMPTY', 'INPUT_MISSING', 'TOO_MANY_ROWS'],
      failures(script, { scriptKind: 'rawHttp', executionProvider: 'none' }),
    ],
    [
      'of a script with a schema',
      ['INPUT_MISSING', 'INPUT_INVALID', 'BODY_NOT_OBJECT'],
      ['INPUT_RAGGED', 'INPUT_UNKNOWN', 'TOO_MANY_ROWS', 'INPUT_NOT_NPY'],
      failures(script, { inputJsonSchema: {}, executionProvider: 'none' }),
    ],
    [
      'of a service with deployments',
      ['DEPLOYMENT_UNKNOWN'],
      ['STAGE_MISMATCH'],
      failures({ deployments: { blue: { weight: 100 } } }, {}),
    ],
    ['of a pipeline', ['STAGE_MISMATCH', 'TOO_MANY_ROWS', 'ENTRY_SCRIPT_FAILED'], [], failures(stages, {})],
  ]
  it.each(table)('%s has the codes that can happen', (_, has, hasNot, listed) => {
    assert.deepEqual(
      has.filter(code => !listed.has(code)),
      [],
    )
    assert.deepEqual(
      hasNot.filter(code => listed.has(code)),
      [],
    )
  })

  it('knows every code that is of no other route', () => {
    const original = { ciphertextCount: 1, requestBytes: 1, replyBytes: 1 }
    const encrypted = { featureCount: 1, classCount: 1, original, fast: null }
    const deployments = { blue: { weight: 100 } }
    const all = failures({ ...stages, deployments }, { mediaTypes: ['image/png', ...tensors], encrypted })
    const codes = (Object.keys(statusOf) as ErrorCode[]).filter(code => !ofOthers.test(code))
    assert.deepEqual([...all].sort(), codes.sort())
  })
})
