import * as z from 'zod'
import { ExecutionProviders } from './execution-providers.ts'

export const Accelerator = z.strictObject({
  executionProviders: ExecutionProviders.default(['cpu']).describe(
    'ONNX Runtime execution providers in order of preference; objects carry provider options',
  ),
  onUnavailable: z
    .enum(['fallback', 'fail'])
    .default('fallback')
    .describe(
      'fallback: where a provider is missing the next one is taken, and nodes that it cannot run go to the CPU; fail: the service does not become ready then',
    ),
  intraOpThreads: z.int().min(1).max(256).default(1).describe('threads that share one run'),
  graphOptimization: z
    .enum(['disabled', 'basic', 'extended', 'layout', 'all'])
    .default('all')
    .describe('how far ONNX Runtime rewrites the graph at load'),
})
