import { availableProcessors } from '../../adapters/local/available-processors.ts'
import { CachedModels } from '../../adapters/model-cache/cached-models.ts'
import type { OnnxModelSession } from '../../adapters/onnxruntime/onnx-model-session.ts'
import { hasScript, type ThreadSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { listsOf, type TensorInfo } from '../../models/session/model-session.ts'
import { binaryMediaTypes } from '../../protocols/azureml/binary-input.ts'
import { readJsonSchema } from '../../protocols/openapi/declared.ts'
import type { RunLimits } from '../../scheduling/micro-batch.ts'
import { TensorInput } from '../../scripts/api.ts'
import { findExample } from '../../scripts/example.ts'
import { checkColumns } from '../../scripts/named-values.ts'
import type { RowSharing } from '../../scripts/row-sharing.ts'
import type { RowScript, Script } from '../../scripts/script.ts'
import { warmUp } from '../../scripts/warm-up.ts'
import { encode } from '../../tensor/python-json.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { describeOutput } from './describe-output.ts'
import { loadScript } from './load-script.ts'
import { ModelLoader } from './model-loader.ts'
import { threadCountNotes } from './thread-count-notes.ts'

/** A service that can score, as the thread holds it. */
export interface LoadedService {
  readonly script: Script
  /** Nothing of its owner's runs, so that nothing ends the thread. */
  readonly isBuiltIn: boolean
  readonly sharing: RowSharing
  /** Whole numbers beyond 2^53 must arrive exactly. */
  readonly hasExactIntegers: boolean
  /** NaN and infinities may be written in JSON as Python writes them. */
  readonly takesTokens: boolean
  /** What bodies may be besides JSON. */
  readonly mediaTypes: readonly string[]
  /** Rows of a request. */
  readonly maxRows: number
  readonly runLimits: RunLimits
  readonly response: ThreadSpec['definition']['response']
}

/**
 * Loads models and entry script and proves, with a run, that they work.
 *
 * @throws ServiceLoadError saying what the owner of the service has to mend
 */
export async function loadService(
  spec: ThreadSpec,
  cacheFolder: string | undefined,
): Promise<{ service: LoadedService; report: LoadReport }> {
  Tensor.takes = spec.definition.missing === 'error' ? 'none' : 'all'
  const startedAt = performance.now()
  const cached = new CachedModels(cacheFolder)
  const models = new ModelLoader(spec.models, cached)
  const { script, input, output, answeredBy, notes: scriptNotes } = await loadScript(spec, models)
  if (script.kind === 'rows') checkColumns(script.inputs, spec.definition.input.columns)
  const loadedAt = performance.now()
  const sessions = await models.sessions()
  const { batching, limits, response } = spec.definition
  const { sharing, answer } = await warmUp(script, {
    sample: spec.sample,
    maxRows: batching.rowsAreIndependent === false ? 1 : batching.maxRows,
    isExact: batching.exact,
    kernelsVary: sessions.some(({ isOnCpu }) => !isOnCpu),
  })
  for (const session of sessions) await session.measurePlacement()
  const isGiven = spec.sample !== undefined || input instanceof TensorInput
  const example = isGiven ? undefined : await findExample(script)
  const described = describeOutput(output, answer ?? example?.answer, spec.definition.response.nonFinite)
  const tensors = answeredBy ?? sessions[0]
  const inputs = script.kind === 'rows' ? script.inputs : script.kind === 'preprocessing' ? [] : (tensors?.inputs ?? [])
  const mediaTypes = script.kind === 'rows' ? mediaTypesOf(script) : []
  const asked = script.kind === 'preprocessing' ? script.firstStage : script
  const report: LoadReport = {
    scriptKind: asked.kind === 'rows' || asked.kind === 'object' ? 'typed' : asked.kind,
    takesHeaders: script.takesHeaders,
    executionProvider: providersOf(sessions),
    inputs,
    optionalInputs: script.kind === 'rows' ? script.optionalInputs : undefined,
    outputs: tensors?.outputs ?? [],
    lists: answeredBy && listsOf(answeredBy.outputs),
    stages: spec.stages?.map(({ name }) => name),
    mediaTypes,
    inputSample:
      spec.sample ?? example?.body ?? (input instanceof TensorInput ? encode({ data: input.sample }) : undefined),
    isSampleScored: (answer ?? example?.answer) !== undefined,
    inputJsonSchema: asked.kind === 'object' ? (readJsonSchema(input, 'input') ?? { type: 'object' }) : undefined,
    outputSample: described.sample,
    outputJsonSchema: answeredBy ? undefined : described.jsonSchema,
    rowsMayShareRequest: rowsMayShareRequest(sharing, inputs),
    placements: sessions.flatMap(({ placement }) => placement ?? []),
    isBatchable: sharing.kind === 'shared',
    notes: [
      ...scriptNotes,
      ...sessions.flatMap(session => session.notes),
      ...threadCountNotes(spec, availableProcessors()),
      ...sharingNotes(spec, sharing, sessions),
      ...described.notes,
    ],
    uncached: cached.missing.length > 0 ? cached.missing : undefined,
    loadMs: loadedAt - startedAt,
    warmUpMs: performance.now() - loadedAt,
  }
  const service: LoadedService = {
    script,
    isBuiltIn: !hasScript(spec),
    sharing,
    hasExactIntegers: [...inputs, ...(report.optionalInputs ?? [])].some(
      ({ dtype }) => dtype === 'int64' || dtype === 'uint64',
    ),
    takesTokens: spec.definition.missing !== 'error',
    mediaTypes,
    maxRows: limits.maxRows,
    runLimits: batching,
    response,
  }
  return { service, report }
}

/** Of several inputs, sizes of one name that differ are refused; of a single one, they would break what is proven. */
function rowsMayShareRequest(sharing: RowSharing, inputs: readonly TensorInfo[]): boolean {
  if (sharing.kind === 'alone' || sharing.axes !== undefined) return false
  return inputs.length > 1 || !sharing.premises || sharing.premises.namedSizes.length === 0
}

/** Why rows do not share runs; or that they do by nothing but their owner's word. */
function sharingNotes(spec: ThreadSpec, sharing: RowSharing, sessions: readonly OnnxModelSession[]): string[] {
  const isSaidToShare = spec.definition.batching.rowsAreIndependent === true
  if (sharing.kind === 'alone') {
    const remark =
      isSaidToShare && !hasScript(spec) ? ' (batching.rowsAreIndependent speaks for scripts, not for graphs)' : ''
    return sharing.why === undefined ? [] : [`no micro-batching: ${sharing.why}${remark}`]
  }
  if (spec.entryScript === undefined) return []
  return sessions.flatMap(({ name, rowProof }) =>
    rowProof.kind === 'dependent'
      ? [
          `rows share runs because of batching.rowsAreIndependent alone; of model "${name}" it is not proven: ${rowProof.reason}`,
        ]
      : [],
  )
}

/** What ran the models, in the order of the stages. */
function providersOf(sessions: readonly OnnxModelSession[]): string {
  return [...new Set(sessions.flatMap(({ executionProvider }) => executionProvider.split(', ')))].join(', ') || 'none'
}

/** The script's own first, because it goes before what every script of tensors takes. */
function mediaTypesOf({ customContentTypes, inputs }: RowScript): readonly string[] {
  return [...new Set([...(customContentTypes?.types ?? []), ...binaryMediaTypes(inputs)])]
}
