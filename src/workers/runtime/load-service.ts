import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { hasScript, type ModelPath, type ServiceSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { ModelSession, TensorInfo } from '../../models/session/model-session.ts'
import type { Placement } from '../../models/session/placement.ts'
import type { RunLimits } from '../../scheduling/micro-batch.ts'
import { checkColumns } from '../../scripts/named-values.ts'
import type { RowSharing } from '../../scripts/row-sharing.ts'
import type { Script } from '../../scripts/script.ts'
import { type WarmUp, warmUp } from '../../scripts/warm-up.ts'
import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { Codecs } from './codec.ts'
import { describeLoad } from './describe-load.ts'
import type { EncryptedScorer } from './encrypted-scorer.ts'
import { loadScript } from './load-script.ts'
import { ModelLoader } from './model-loader.ts'
import { checkOutputNames } from './output-names.ts'

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
  /** The owner has not chosen how many rows a run takes, so that those of jobs may take more. */
  readonly mayRunsGrow: boolean
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
  const { definition } = spec
  const models = new ModelLoader(spec.models, parts.openModel)
  const loadedScript = await loadScript(spec, models)
  const { script, answeredBy } = loadedScript
  if (script.kind === 'rows') checkColumns(script.inputs, definition.input.columns)
  if (answeredBy) checkOutputNames(answeredBy.outputs, definition.tensorflowServing)
  const encrypted = definition.encrypted === false ? undefined : await parts.openEncrypted(spec)
  const loadedAt = performance.now()
  const sessions = await models.sessions()
  const { batching, limits, response, tensorflowServing } = definition
  const warmedUp = await warmUp(script, {
    sample: spec.sample,
    maxRows: batching.rowsAreIndependent === false ? 1 : batching.maxRows,
    isExact: batching.exact,
    kernelsVary: sessions.some(({ isOnCpu }) => !isOnCpu),
  })
  for (const session of sessions) await session.measurePlacement()
  const described = await describeLoad({ spec, parts, loadedScript, sessions, warmedUp, encrypted })
  const report = { ...described, loadMs: loadedAt - startedAt, warmUpMs: performance.now() - loadedAt }
  const service: LoadedService = {
    script,
    codecs: parts.codecs,
    encrypted,
    outputs: answeredBy?.outputs ?? [],
    isBuiltIn: !hasScript(spec),
    sharing: warmedUp.sharing,
    hasExactIntegers: [...report.inputs, ...(report.optionalInputs ?? [])].some(
      ({ dtype }) => dtype === 'int64' || dtype === 'uint64',
    ),
    takesNonFinite: definition.missing !== 'error',
    mediaTypes: report.mediaTypes ?? [],
    maxRows: limits.maxRows,
    runLimits: batching,
    mayRunsGrow: !hasScript(spec) && !batching.exact && batching.mayGrow,
    response,
    tensorflowServing,
  }
  return { service, report }
}
