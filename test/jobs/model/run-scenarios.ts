import fc from 'fast-check'
import { parseBlobReference } from '../../../src/jobs/layout.ts'
import type { JobSpec } from '../../../src/jobs/spec.ts'
import { checkEnd } from './check-end.ts'
import { folder, inputBlob, JobWorld, job, outputBlob } from './job-world.ts'
import { type Scenario, scenarios } from './scenario.ts'

/** @returns how often each label was seen; throws with the seed and the smallest failing scenario */
export async function runScenarios(count: number, seed?: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  const property = fc.asyncProperty(scenarios, async scenario => {
    for (const what of await runScenario(scenario)) seen[what] = (seen[what] ?? 0) + 1
  })
  await fc.assert(property, { numRuns: count, ...(seed !== undefined && { seed }) })
  return seen
}

async function runScenario(scenario: Scenario): Promise<string[]> {
  const input = inputOf(scenario)
  const world = new JobWorld(scenario, specOf(scenario, input), input)
  const head = await world.store.head(parseBlobReference(inputBlob))
  Object.assign(world.spec.input, { etag: head?.etag })
  await world.run()
  return checkEnd(world)
}

function inputOf({ rows, inputFormat }: Scenario): string {
  if (inputFormat === 'csv') {
    const lines = rows.map((kind, id) => (kind === 'broken' ? `${id}\n` : `${id},${kind}\n`))
    return `id,kind\n${lines.join('')}`
  }
  return rows.map((kind, id) => (kind === 'broken' ? '{oops\n' : `${JSON.stringify({ id, kind })}\n`)).join('')
}

function specOf({ inputFormat, outputFormat, miniBatchSize, errorThreshold }: Scenario, input: string): JobSpec {
  return {
    ...job,
    folder,
    fingerprint: 'f00d',
    modelDigest: 'digest',
    input: {
      place: { blob: inputBlob },
      etag: '',
      bytes: Buffer.byteLength(input),
      format: inputFormat,
      isGzip: false,
    },
    output: { blob: outputBlob, format: outputFormat },
    miniBatchSize,
    errorThreshold,
    maxRetries: 3,
    createdAt: '2026-01-01T00:00:00.000Z',
  }
}
