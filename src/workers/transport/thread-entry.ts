/** The file a scoring thread starts from: the bundle beside this one, or the source when run from source. */
export const threadEntry = new URL(
  import.meta.url.endsWith('.ts') ? '../../compose/scoring-thread.ts' : './scoring-thread.cjs',
  import.meta.url,
)
