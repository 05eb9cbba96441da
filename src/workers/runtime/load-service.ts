import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { hasScript, type ModelPath, type ServiceSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { listNames, type ModelSession, type TensorInfo } from '../../models/session/model-session.ts'
import type { Placement } from '../../models/session/placement.ts'
import type { RunLimits } from '../../scheduling/micro-batch.ts'
import { readDeclaredTensors } from '../../scripts/declared-tensors.ts'
import { findExample } from '../../scripts/example.ts'
import { checkColumns } from '../../scripts/named-values.ts'
import type { RowSharing } from '../../scripts/row-sharing.ts'
import type { RowScript, Script } from '../../scripts/script.ts'
import { type WarmUp, warmUp } from '../../scripts/warm-up.ts'
import { encode } from '../../tensor/python-json.ts'
import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { describeAnswerTensors } from './answer-tensors.ts'
import type { Codecs } from './codec.ts'
import type { EncryptedScorer } from './encrypted-scorer.ts'
import { loadScript } from './load-script.ts'
import { describeMicroBatching } from './micro-batching-words.ts'
import { ModelLoader } from './model-loader.ts'
import { checkOutputNames } from './output-names.ts'
import { threadCountNotes } from './thread-count-notes.ts'

/** A model that a worker has loaded. */
export interface LoadedModel extends ModelSession {
  readonly isOnCpu: boolean
  /** Remarks for the owner on where the model runs. */
  readonly notes: readonly string[]
  readonly placement: Placement | undefined
  /** It was opened from the files of `scoring optimize`. */
  readonly isOptimizedAhead: boolean
  /** Finds out which provider ran which node, by one run. */
  measurePlacement(): Promise<void>
}

/** What a worker is given by `compose/scoring-thread.ts`. */
export interface WorkerParts {
  readonly codecs: Codecs
  readonly processorCount: number
  /** @throws ServiceLoadError */
  openModel(model: ModelPath, accelerator: ServiceDefinition['accelerator']): Promise<LoadedModel>
  /** Prepares the model of a service for encrypted requests. @throws ServiceLoadError */
  openEncrypted(spec: ServiceSpec): Promise<EncryptedScorer>
  /** JSON Schema of what a script declares as its input; undefined where its library gives none. */
  describeInput(declared: unknown): JsonSchema | undefined
  describeOutput(declared: unknown, answer: WarmUp['answer'], nonFinite: NonFinite): OutputDescription
}

type JsonSchema = Readonly<Record<string, unknown>>

/** What the documents of a service say of its answers. */
export interface OutputDescription {
  /** JSON text of an answer. */
  readonly sample?: string | undefined
  readonly jsonSchema?: JsonSchema | undefined
  readonly notes: readonly string[]
}

/** A loaded service, as its worker holds it. */
export interface LoadedService {
  readonly script: Script
  readonly codecs: Codecs
  /** Scores requests whose features are encrypted; undefined: the service takes none. */
  readonly encrypted: EncryptedScorer | undefined
  /** Outputs of the model that answers; empty where a script answers. */
  readonly outputs: readonly TensorInfo[]
  /** No script runs, so no code of the owner can end the worker. */
  readonly isBuiltIn: boolean
  readonly sharing: RowSharing
  /** An input is a 64-bit integer, so whole numbers beyond 2^53 are read exactly. */
  readonly hasExactIntegers: boolean
  /** JSON bodies may contain NaN and Infinity, as Python writes them. */
  readonly takesNonFinite: boolean
  /** Media types of bodies besides JSON. */
  readonly mediaTypes: readonly string[]
  /** Most rows of a request. */
  readonly maxRows: number
  readonly runLimits: RunLimits
  readonly response: ServiceSpec['definition']['response']
  readonly tensorflowServing: ServiceSpec['definition']['tensorflowServing']
}

/**
 * Loads models and entry script and proves, with a run, that they work.
 *
 * @throws ServiceLoadError saying what the owner of the service has to fix
 */
export async function loadService(
  spec: ServiceSpec,
  parts: WorkerParts,
): Promise<{ service: LoadedService; report: LoadReport }> {
  Tensor.takes = spec.definition.missing === 'error' ? 'none' : 'all'
  const startedAt = performance.now()
  const models = new ModelLoader(spec.models, parts.openModel)
  const { script, input, output, answeredBy, notes: scriptNotes } = await loadScript(spec, models)
  if (script.kind === 'rows') checkColumns(script.inputs, spec.definition.input.columns)
  if (answeredBy) checkOutputNames(answeredBy.outputs, spec.definition.tensorflowServing)
  const encrypted = spec.definition.encrypted === false ? undefined : await parts.openEncrypted(spec)
  const loadedAt = performance.now()
  const sessions = await models.sessions()
  const { batching, limits, response, tensorflowServing } = spec.definition
  const { sharing, difference, answer } = await warmUp(script, {
    sample: spec.sample,
    maxRows: batching.rowsAreIndependent === false ? 1 : batching.maxRows,
    isExact: batching.exact,
    kernelsVary: sessions.some(({ isOnCpu }) => !isOnCpu),
  })
  for (const session of sessions) await session.measurePlacement()
  const microBatching = describeMicroBatching(spec, { sharing, difference, sessions })
  const declared = readDeclaredTensors(input)
  const isGiven = spec.sample !== undefined || declared !== undefined
  const knownTexts = new Map(sessions.flatMap(session => [...(session.knownTexts ?? [])]))
  const example = isGiven ? undefined : await findExample(script, knownTexts)
  const answered = answer ?? example?.answer
  const hasRowAxis = 'hasRowAxis' in script && script.hasRowAxis
  const described = parts.describeOutput(output, answered, spec.definition.response.nonFinite)
  const tensors = answeredBy ?? sessions[0]
  const inputs = script.kind === 'rows' ? script.inputs : script.kind === 'preprocessing' ? [] : (tensors?.inputs ?? [])
  const mediaTypes = script.kind === 'rows' ? listMediaTypes(script, parts.codecs) : []
  const entryStage = script.kind === 'preprocessing' ? script.firstStage : script
  const report: LoadReport = {
    scriptKind: entryStage.kind === 'rows' || entryStage.kind === 'object' ? 'typed' : entryStage.kind,
    takesHeaders: script.takesHeaders,
    executionProvider: listProviders(sessions),
    optimizedAhead: sessions.filter(({ isOptimizedAhead }) => isOptimizedAhead).map(({ name }) => name),
    inputs,
    optionalInputs: script.kind === 'rows' ? script.optionalInputs : undefined,
    outputs: tensors?.outputs ?? [],
    answerTensors: answeredBy || !answered ? undefined : describeAnswerTensors(answered.result, hasRowAxis),
    lists: answeredBy && listNames(answeredBy.outputs),
    stages: spec.stages?.map(({ name }) => name),
    mediaTypes,
    inputSample: spec.sample ?? example?.body ?? (declared && encode(declared.sampleRequest)),
    isSampleScored: answered !== undefined,
    inputJsonSchema: entryStage.kind === 'object' ? (parts.describeInput(input) ?? { type: 'object' }) : undefined,
    outputSample: described.sample,
    outputJsonSchema: answeredBy ? undefined : described.jsonSchema,
    rowsMayShareRequest: rowsMayShareRequest(sharing, inputs),
    encrypted: encrypted?.published,
    placements: sessions.flatMap(({ placement }) => placement ?? []),
    isBatchable: sharing.kind === 'shared',
    microBatching: microBatching.sentence,
    notes: [
      ...scriptNotes,
      ...sessions.flatMap(session => session.notes),
      ...threadCountNotes(spec, parts.processorCount),
      ...microBatching.notes,
      ...described.notes,
      ...(encrypted?.notes ?? []),
    ],
    loadMs: loadedAt - startedAt,
    warmUpMs: performance.now() - loadedAt,
  }
  const service: LoadedService = {
    script,
    codecs: parts.codecs,
    encrypted,
    outputs: answeredBy?.outputs ?? [],
    isBuiltIn: !hasScript(spec),
    sharing,
    hasExactIntegers: [...inputs, ...(report.optionalInputs ?? [])].some(
      ({ dtype }) => dtype === 'int64' || dtype === 'uint64',
    ),
    takesNonFinite: spec.definition.missing !== 'error',
    mediaTypes,
    maxRows: limits.maxRows,
    runLimits: batching,
    response,
    tensorflowServing,
  }
  return { service, report }
}

/** Of several inputs, sizes of one name that differ are refused; of a single one, they would break what is proven. */
function rowsMayShareRequest(sharing: RowSharing, inputs: readonly TensorInfo[]): boolean {
  if (sharing.kind === 'alone' || sharing.axes !== undefined) return false
  return inputs.length > 1 || !sharing.premises || sharing.premises.namedSizes.length === 0
}

/** The providers that ran the models, in the order of the stages. */
function listProviders(sessions: readonly LoadedModel[]): string {
  return [...new Set(sessions.flatMap(({ executionProvider }) => executionProvider.split(', ')))].join(', ') || 'none'
}

/** Media types of the script's own decoder come first, because that decoder goes before the codecs. */
function listMediaTypes({ customContentTypes, inputs }: RowScript, codecs: Codecs): readonly string[] {
  const ofCodecs = Object.values(codecs).flatMap(codec => codec.mediaTypes(inputs))
  return [...new Set([...(customContentTypes?.types ?? []), ...ofCodecs])]
}
