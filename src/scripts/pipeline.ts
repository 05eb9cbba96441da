/** Builds pipelines: stages that run one after the other, each on the output of the one before. */

import { ScoringError } from '../errors.ts'
import type { Feeds } from '../models/session/model-session.ts'
import type { RequestHeaders } from './api.ts'
import { feedsBetween, feedsByRule } from './between-stages.ts'
import { alone, type RowSharing } from './row-sharing.ts'
import type { Script } from './script.ts'
import type { Stage } from './stage.ts'

/**
 * Combines the stages into one script. The first stage decodes requests, and their rows go through all stages together.
 *
 * @param first  a script of any kind, or a model's built-in script; a script that does not take rows runs once per request
 *               and returns the rows of that request
 */
export function buildPipeline(
  first: { readonly name: string; readonly script: Script },
  rest: readonly Stage[],
): Script {
  const { name, script } = first
  const takesAnyRowCount = rest.every(stage => stage.takesAnyRowCount)
  if (script.kind !== 'rows') {
    const [second] = rest
    if (!second || script.kind === 'preprocessing') return script
    const call = script.run as (input: unknown, headers?: RequestHeaders) => unknown
    const sharing = combinedSharing(rest)
    return {
      kind: 'preprocessing',
      firstStage: script,
      takesHeaders: script.takesHeaders,
      inputs: second.inputs,
      hasRowAxis: takesAnyRowCount,
      sharing,
      preprocess: async (input, headers) => feedsBetween(name, await inStage(name, () => call(input, headers)), second),
      run: (feeds: Feeds) => runStages(rest, feeds, feedsByRule(sharing)),
    }
  }
  const sharing = combinedSharing([{ ...script, name, takesAnyRowCount: true }, ...rest])
  const between = feedsByRule(sharing)
  return {
    ...script,
    hasRowAxis: script.hasRowAxis && takesAnyRowCount,
    sharing,
    run: async (feeds: Feeds, headers?: RequestHeaders) => {
      const result = await inStage(name, () => script.run(feeds, headers))
      const [second] = rest
      return second ? runStages(rest, between(name, result, second), between) : result
    },
  }
}

/** Rows may share the pipeline if they may share every stage. */
function combinedSharing(stages: readonly Pick<Stage, 'name' | 'sharing' | 'takesAnyRowCount'>[]): RowSharing {
  for (const [index, { name, sharing, takesAnyRowCount }] of stages.entries()) {
    if (!takesAnyRowCount) return alone(`stage "${name}" takes a fixed number of rows`)
    if (sharing.kind === 'alone') return stages.length === 1 ? sharing : alone(`stage "${name}": ${sharing.why}`)
    if (sharing.axes !== undefined && index < stages.length - 1)
      return alone(`stage "${name}" passes on rows that are not on the first axis`)
  }
  const [first, last] = [stages[0], stages.at(-1)].map(stage => stage?.sharing as RowSharing & { kind: 'shared' })
  return {
    kind: 'shared',
    ...(first?.premises && { premises: first.premises }),
    ...(last?.axes !== undefined && { axes: last.axes }),
  }
}

async function runStages(stages: readonly Stage[], feeds: Feeds, between: typeof feedsBetween): Promise<unknown> {
  let result: unknown = feeds
  for (const [index, stage] of stages.entries()) {
    const before = stages[index - 1]
    const taken = before ? between(before.name, result, stage) : feeds
    result = await inStage(stage.name, () => stage.run(taken))
  }
  return result
}

async function inStage(name: string, run: () => unknown): Promise<unknown> {
  try {
    return await run()
  } catch (cause) {
    const isKnown = cause instanceof ScoringError
    const code = isKnown ? cause.code : 'ENTRY_SCRIPT_FAILED'
    const what = isKnown
      ? cause.message
      : 'An unexpected error occurred in scoring script. Check the logs for more info.'
    throw new ScoringError(code, `stage "${name}": ${what}`, { cause: isKnown ? cause.cause : cause })
  }
}
