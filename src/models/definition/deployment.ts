import * as z from 'zod'
import { Accelerator } from './accelerator.ts'
import { Batching } from './batching.ts'
import { ModelFile, modelName, relativePath } from './model-file.ts'
import { Stage } from './stage.ts'

const percent = z.int().min(0).max(100)

/** One of several models behind one service. What it leaves out is as the service says. */
export const Deployment = z.lazy(() =>
  z.strictObject({
    version: z
      .int()
      .min(0)
      .optional()
      .describe('the numbered folder of its model; absent: as "models" say, or the newest one'),
    weight: percent.describe('percent of the requests that it answers; the weights of all deployments add to 100'),
    mirror: percent
      .default(0)
      .describe('percent of the requests of the others that it gets a copy of; its answers are compared, and not sent'),
    models: z.record(modelName, ModelFile).optional().describe('in place of "models" of the service'),
    entryScript: relativePath.optional().describe('in place of "entryScript" of the service'),
    stages: z.array(Stage).min(1).max(16).optional().describe('in place of "stages" of the service'),
    accelerator: Accelerator.optional().describe('in place of "accelerator" of the service'),
    batching: Batching.optional().describe('in place of "batching" of the service'),
  }),
)
