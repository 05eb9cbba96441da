import type { ServiceSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { listNames, type TensorInfo } from '../../models/session/model-session.ts'
import { readDeclaredTensors } from '../../scripts/declared-tensors.ts'
import { findExample } from '../../scripts/example.ts'
import type { RowSharing } from '../../scripts/row-sharing.ts'
import type { RowScript } from '../../scripts/script.ts'
import type { WarmUp } from '../../scripts/warm-up.ts'
import { encode } from '../../tensor/python-json.ts'
import { describeAnswerTensors } from './answer-tensors.ts'
import type { Codecs } from './codec.ts'
import type { EncryptedScorer } from './encrypted-scorer.ts'
import type { LoadedScript } from './load-script.ts'
import type { LoadedModel, WorkerParts } from './load-service.ts'
import { describeMicroBatching } from './micro-batching-words.ts'
import { threadCountNotes } from './thread-count-notes.ts'

interface Loaded {
  readonly spec: ServiceSpec
  readonly parts: WorkerParts
  readonly loadedScript: LoadedScript
  /** Of all models, in the order of the stages. */
  readonly sessions: readonly LoadedModel[]
  readonly warmedUp: WarmUp
  readonly encrypted: EncryptedScorer | undefined
}

/** Says what documents, callers and the owner are told of a service. Scores an example when there is no sample. */
export async function describeLoad(loaded: Loaded): Promise<Omit<LoadReport, 'loadMs' | 'warmUpMs'>> {
  const { spec, parts, loadedScript, sessions, warmedUp, encrypted } = loaded
  const { script, input, output, answeredBy } = loadedScript
  const { sharing, difference, answer } = warmedUp
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
  const entryStage = script.kind === 'preprocessing' ? script.firstStage : script
  return {
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
    mediaTypes: script.kind === 'rows' ? listMediaTypes(script, parts.codecs) : [],
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
      ...loadedScript.notes,
      ...sessions.flatMap(session => session.notes),
      ...threadCountNotes(spec, parts.processorCount),
      ...microBatching.notes,
      ...described.notes,
      ...(encrypted?.notes ?? []),
    ],
  }
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
