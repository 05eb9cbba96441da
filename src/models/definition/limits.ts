import * as z from 'zod'
import { defaultMaxMemoryMb } from './default-memory.ts'

export const Limits = z.strictObject({
  maxBodyBytes: z.int().min(1).max(104_857_600).default(104_857_600).describe('bytes of a request body'),
  maxRows: z.int().min(1).default(100_000).describe('rows of one request'),
  timeoutMs: z.int().min(1).max(3_600_000).default(60_000).describe('milliseconds from arrival to answer'),
  maxQueued: z
    .int()
    .min(1)
    .default(1000)
    .describe('requests that may wait for a free thread; more are refused with 503'),
  maxQueuedBytes: z
    .int()
    .min(1)
    .default(268_435_456)
    .describe('bytes of the bodies that may wait for a free thread; more are refused with 503'),
  maxHeldBytes: z
    .int()
    .min(1)
    .optional()
    .describe(
      'bytes that the requests of the service may hold at a time, from the first byte of a body to the last of its answer; more are refused with 503; absent: half of what the app may hold',
    ),
  maxQueueWaitMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .optional()
    .describe(
      'milliseconds that a request may be expected to wait for a free thread; it is refused with 503 at once when it would be more; absent: timeoutMs',
    ),
  loadTimeoutMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(120_000)
    .describe('milliseconds that loading the models and init() may take'),
  maxMemoryMb: z
    .int()
    .min(64)
    .default(defaultMaxMemoryMb)
    .describe('MiB of JavaScript memory that one thread of the service may hold, heap and buffers'),
})
