import * as z from 'zod'

const usualMaxRows = 64

const BatchingMembers = z.strictObject({
  maxRows: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .meta({ default: usualMaxRows })
    .describe(
      'rows per run; a request with more runs in slices; 1 turns micro-batching off; absent: 64, and in batch jobs more while a run is short',
    ),
  maxBytes: z
    .int()
    .min(1)
    .default(67_108_864)
    .describe('bytes of the inputs of one run, where its rows can be fewer; a single row may have more'),
  maxDelayMs: z
    .number()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'milliseconds for which a free thread waits for more requests to share a run; 0: it never waits, and a run holds what gathered during the one before',
    ),
  rowsAreIndependent: z
    .boolean()
    .optional()
    .describe(
      'true: scripts that see rows answer each from that row alone, so that rows of several requests may come together; false: no request shares a run; absent: rows share runs of models whose graph proves it, and no script sees those of several requests',
    ),
  exact: z
    .boolean()
    .default(false)
    .describe(
      'true: rows share runs only where those measured at start give the same bits as each row alone; false: they may differ by rounding',
    ),
})

/** `mayGrow`: the owner has not chosen how many rows a run takes. */
export const Batching = BatchingMembers.transform(({ maxRows, ...others }) => ({
  ...others,
  maxRows: maxRows ?? usualMaxRows,
  mayGrow: maxRows === undefined,
}))
