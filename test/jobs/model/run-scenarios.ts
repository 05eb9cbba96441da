import fc from 'fast-check'
import { encodeFiles, type InputFile } from '../../../src/jobs/input-files.ts'
import { fileListBlob, parseBlobReference } from '../../../src/jobs/layout.ts'
import type { JobSpec } from '../../../src/jobs/spec.ts'
import { checkEnd } from './check-end.ts'
import { folder, inputBlob, inputName, JobWorld, job, outputBlob, outputName } from './job-world.ts'
import { filesOf, type RowKind, type Scenario, scenarios } from './scenario.ts'

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
  const inputs = inputsOf(scenario)
  const world = new JobWorld(scenario, specOf(scenario, inputs), inputs)
  const files: InputFile[] = []
  for (const at of inputs.keys()) {
    const head = (await world.store.head(parseBlobReference(inputName(at))))!
    files.push({ blob: inputName(at), etag: head.etag, bytes: head.bytes, output: outputName(at) })
  }
  if (scenario.files) world.store.put(fileListBlob(folder, 'f11e5'), encodeFiles(files))
  else Object.assign(world.spec.input, { etag: files[0]?.etag })
  await world.run()
  return checkEnd(world)
}

function inputsOf(scenario: Scenario): string[] {
  let first = 0
  return filesOf(scenario).map(rows => {
    const lines = rows.map((kind, at) => lineOf(scenario, kind, first + at)).join('')
    first += rows.length
    return scenario.inputFormat === 'csv' ? `id,kind\n${lines}` : lines
  })
}

function lineOf({ inputFormat }: Scenario, kind: RowKind, id: number): string {
  if (inputFormat === 'csv') return kind === 'broken' ? `${id}\n` : `${id},${kind}\n`
  return kind === 'broken' ? '{oops\n' : `${JSON.stringify({ id, kind })}\n`
}

function specOf(
  { inputFormat, outputFormat, miniBatchSize, errorThreshold, files }: Scenario,
  inputs: readonly string[],
): JobSpec {
  const { container, path } = fileListBlob(folder, 'f11e5')
  const place = files ? { files: `${container}/${path}`, name: 'input/rows*' } : { blob: inputBlob }
  return {
    ...job,
    folder,
    fingerprint: 'f00d',
    modelDigest: 'digest',
    input: {
      place,
      etag: '',
      bytes: Buffer.byteLength(inputs.join('')),
      ...(files && { fileCount: files.count }),
      format: inputFormat,
      isGzip: false,
    },
    output: { blob: outputBlob, format: outputFormat, ...(files?.isPerFile && { isPerFile: true }) },
    miniBatchSize,
    errorThreshold,
    maxRetries: 3,
    createdAt: '2026-01-01T00:00:00.000Z',
  }
}
