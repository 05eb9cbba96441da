import * as z from 'zod'
import { Accelerator } from './accelerator.ts'
import { relativePath } from './model-file.ts'

/** One stage of a pipeline: a model, or a script between models. */
export const Stage = z.lazy(() =>
  z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9][-\w.]{0,254}$/, 'must be letters, digits, "-", "_", "."')
        .optional()
        .describe("what errors call it; default: the model's name, or the script's without its ending"),
      model: z.string().optional().describe('a model of "models", which runs on what the stage before gave'),
      script: relativePath.optional().describe('module with run(), which gets what the stage before gave'),
      accelerator: Accelerator.optional().describe('where its model runs; default: as the service'),
      maxRows: z.int().min(1).max(100_000).optional().describe('rows per run of its model; default: batching.maxRows'),
    })
    .refine(stage => (stage.model === undefined) !== (stage.script === undefined), 'must have a "model" or a "script"'),
)
type Stage = z.infer<typeof Stage>

/** @returns the name of a stage in messages */
export function nameOfStage({ name, model, script }: Stage): string {
  return name ?? model ?? (script as string).replace(/^.*[\\/]/, '').replace(/\.[^.]+$/, '')
}
