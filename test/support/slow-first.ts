import { join, relative, sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const repository = join(import.meta.dirname, '../..')

/** The files that take ten seconds and more on two cores, the longest first. */
export const slowFiles = [
  'test/clients/fpga.test.ts',
  'test/first-hour/first-hour.test.ts',
  'test/clients/clients.test.ts',
  'test/browser/docs.test.ts',
  'test/fuzz/openapi-fuzz.test.ts',
  'test/adapters/node-worker/node-worker.test.ts',
  'test/clients/generated.test.ts',
  'test/package/deployment-package.test.ts',
  'test/functions/key-vault.test.ts',
  'test/clients/open-inference.test.ts',
  'test/models/graph/suite.test.ts',
  'test/cli/add/add-service.test.ts',
  'test/functions/request-memory.test.ts',
  'test/cli/start/start.test.ts',
  'test/clients/encrypted.test.ts',
  'test/functions/failing-services.test.ts',
  'test/package/project.test.ts',
  'test/adapters/plan-parquet-in-process.test.ts',
  'test/functions/changing-services.test.ts',
  'test/functions/metrics.test.ts',
  'test/functions/accelerators.test.ts',
  'test/functions/encrypted.test.ts',
  'test/functions/service-triggers.test.ts',
  'test/fuzz/encrypted-fuzz.test.ts',
  'test/clients/models-page.test.ts',
  'test/clients/image-service.test.ts',
  'test/functions/job-fairness.test.ts',
  'test/functions/grpc.test.ts',
  'test/clients/jobs.test.ts',
  'test/workers/runtime/script-faults.test.ts',
  'test/host/host-process.test.ts',
  'test/functions/encrypted-jobs.test.ts',
  'test/clients/frames.test.ts',
  'test/workers/runtime/custom-content-types.test.ts',
  'test/clients/http2.test.ts',
  'test/functions/job-tables.test.ts',
  'test/functions/busy-service.test.ts',
  'test/cli/score/score-service.test.ts',
  'test/functions/openapi-documents.test.ts',
  'test/functions/keys.test.ts',
  'test/browser/encrypted-client.test.ts',
  'test/functions/open-inference.test.ts',
  'test/host/http/server.test.ts',
]

/**
 * Starts the slowest files of all projects first, so that none of them is left for the end. Vitest's own order, by size and project
 * by project, began a test of twenty seconds as the last one.
 */
export class SlowFirstSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => groupOrder(one) - groupOrder(other) || rank(one) - rank(other))
  }
}

function groupOrder({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder
}

function rank({ moduleId }: TestSpecification): number {
  const index = slowFiles.indexOf(relative(repository, moduleId).split(sep).join('/'))
  return index === -1 ? slowFiles.length : index
}
