import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import * as z from 'zod'
import { ScoringService } from '../../../src/inference/scoring-service.ts'
import { JobSubmission } from '../../../src/jobs/requests/submission.ts'
import { jobStatuses } from '../../../src/jobs/state.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import type { LoadReport } from '../../../src/models/session/load-report.ts'
import { jobsDocument } from '../../../src/protocols/openapi/jobs.ts'

const service = new ScoringService({
  name: 'sut',
  definition: ServiceDefinition.parse({}),
  authorizer: undefined,
  engine: { kind: 'none', failure: 'not needed' },
})
const describeAs = (scriptKind: LoadReport['scriptKind']) => jobsDocument(service, { scriptKind } as LoadReport)

/** Names, types, limits and defaults; words and patterns are left out. */
function shape(schema: unknown): unknown {
  const {
    properties,
    items,
    enum: values,
    type,
    minimum,
    maximum,
    default: initial,
  } = schema as Record<string, unknown>
  if (properties) {
    return Object.fromEntries(Object.entries(properties as object).map(([name, each]) => [name, shape(each)]))
  }
  const largest = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  return { type: values ? undefined : type, items: items && shape(items), values, minimum, largest, initial }
}

describe('jobsDocument', () => {
  it('describes every member of a submission', () => {
    const { properties } = z.toJSONSchema(JobSubmission, { io: 'input' })
    const { service: _, output, ...taken } = properties as Record<string, object>
    const { output: ours, ...described } = shape(describeAs('typed')?.schemas.BatchJobSubmission) as Record<
      string,
      object
    >
    assert.deepEqual(described, shape({ properties: taken }))
    assert.deepEqual(Object.keys(ours ?? {}), Object.keys(shape(output) as object))
  })

  it('lists the states of jobs', () => {
    const job = describeAs('raw')?.schemas.BatchJob as { properties: { status: { enum: string[] } } } | undefined
    assert.deepEqual(job?.properties.status.enum, jobStatuses)
  })

  it('names each type that an output may have', () => {
    const paths = describeAs('typed')?.paths as Record<string, { get: { responses: { 200: { content: object } } } }>
    const [, output] = Object.entries(paths).find(([path]) => path.endsWith('/output')) ?? []
    assert.deepEqual(Object.keys(output?.get.responses[200].content ?? {}), [
      'application/jsonl',
      'text/csv',
      'application/vnd.apache.parquet',
      'application/gzip',
    ])
  })

  it('is undefined for a raw-HTTP script', () => {
    assert.equal(describeAs('rawHttp'), undefined)
  })
})
