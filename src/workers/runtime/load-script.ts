import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { hasScript, type ServiceSpec, type StageSpec } from '../../models/repository/service-spec.ts'
import type { Feeds, ModelSession } from '../../models/session/model-session.ts'
import { type RequestHeaders, TensorInput } from '../../scripts/api.ts'
import { checkStages } from '../../scripts/between-stages.ts'
import { readDeclaredTensors } from '../../scripts/declared-tensors.ts'
import type { RowSettings } from '../../scripts/feeds.ts'
import { buildPipeline } from '../../scripts/pipeline.ts'
import { parameterNotes } from '../../scripts/run-parameters.ts'
import { initScript, type Script } from '../../scripts/script.ts'
import { modelStage, type Stage, scriptStage } from '../../scripts/stage.ts'
import { builtInScript, explainUnequalRows, modelAnswer } from '../../scripts/tensor-script.ts'
import { recorded } from '../transport/run-records.ts'
import { importEntryModule } from './entry-module.ts'
import type { ModelLoader } from './model-loader.ts'
import { callScript, withCalls } from './script-calls.ts'

/** The script of a service and what its modules export. */
export interface LoadedScript {
  readonly script: Script
  /** The export `input` of its module, or of the module of its first stage. */
  readonly input?: unknown
  /** The export `output` of its module, or of the module of its last stage. */
  readonly output?: unknown
  /** The model whose outputs are the answer; undefined: a script answers. */
  readonly answeredBy?: ModelSession
  /** Remarks for the owner on behaviour that may surprise. */
  readonly notes: readonly string[]
}

/**
 * Loads the script or the pipeline of a service. The owner's functions are called so that uncaught errors are attributed
 * to the call that caused them: an uncaught error of `init` fails the loading.
 *
 * @throws ServiceLoadError saying what the owner of the service has to fix
 */
export async function loadScript(spec: ServiceSpec, models: ModelLoader): Promise<LoadedScript> {
  const call: typeof callScript = hasScript(spec) ? work => recorded(() => callScript(work)) : recorded
  try {
    const loaded = await call(() => loadUnwatched(spec, models))
    return { ...loaded, script: withCalls(loaded.script, call) }
  } catch (cause) {
    if (cause instanceof ServiceLoadError) throw cause
    throw new ServiceLoadError(`an uncaught error was thrown while loading: ${(cause as Error)?.message ?? cause}`, {
      cause,
    })
  }
}

async function loadUnwatched(spec: ServiceSpec, models: ModelLoader): Promise<LoadedScript> {
  const { accelerator } = spec.definition
  if (spec.stages) return loadPipeline(spec, spec.stages, models)
  if (spec.entryScript === undefined) {
    const model = await models.load(undefined, accelerator)
    return { script: builtInScript(model, selectRowSettings(spec)), answeredBy: model, notes: [] }
  }
  const file = `${spec.service}/${spec.definition.entryScript}`
  const module = await importEntryModule(spec.entryScript, file)
  const { rowsAreIndependent } = spec.definition.batching
  const context = contextFor(spec, models, accelerator)
  const script = await initScript(module, { file, context, rowsAreIndependent, settings: selectRowSettings(spec) })
  return { script, input: module.input, output: module.output, notes: parameterNotes(file, module) }
}

async function loadPipeline(
  spec: ServiceSpec,
  [first, ...others]: readonly StageSpec[],
  models: ModelLoader,
): Promise<LoadedScript> {
  const head = await inStage(first as StageSpec, stage => loadFirst(spec, stage, models))
  const rest: LoadedStage[] = []
  for (const stage of others) rest.push(await inStage(stage, each => loadStage(spec, each, models)))
  checkStages([head.stage, ...rest.map(({ stage }) => stage)])
  const last = rest.at(-1) ?? head
  const script = buildPipeline(
    { name: head.stage.name, script: head.script },
    rest.map(({ stage }) => stage),
  )
  return {
    script: last.model ? answeredBy(last.model, script) : script,
    input: head.input,
    output: last.output,
    notes: head.notes,
    ...(last.model ? { answeredBy: last.model } : {}),
  }
}

interface LoadedStage {
  readonly stage: Stage
  readonly model?: ModelSession
  readonly output?: unknown
}

/** Loads the first stage, which takes the request: any kind of script, or a model with its built-in script. */
async function loadFirst(
  spec: ServiceSpec,
  stage: StageSpec,
  models: ModelLoader,
): Promise<LoadedStage & Pick<LoadedScript, 'script' | 'input' | 'notes'>> {
  if (stage.script === undefined) {
    const model = await models.load(stage.model, stage.accelerator)
    const asStage = modelStage(stage.name, model, stage.maxRows)
    const run = (feeds: Feeds) => explainUnequalRows(model, feeds, () => asStage.run(feeds))
    const script = { ...builtInScript(model, selectRowSettings(spec)), run }
    return { stage: asStage, model, script, notes: [] }
  }
  const module = await importEntryModule(stage.script.path, stage.script.name)
  const { input, output } = module
  const passOn =
    input instanceof TensorInput
      ? ({ data }: { data: unknown }) => data
      : readDeclaredTensors(input) && ((columns: unknown) => columns)
  // A stage that only decodes needs no run().
  const complete = { init: () => {}, ...(passOn && { run: passOn }), ...module }
  // A stage that only passes rows on keeps them independent.
  const rowsAreIndependent = module.run === undefined || spec.definition.batching.rowsAreIndependent
  const context = contextFor(spec, models, stage.accelerator)
  const settings = selectRowSettings(spec)
  const script = await initScript(complete, { file: stage.script.name, context, rowsAreIndependent, settings })
  const notes = parameterNotes(stage.script.name, module)
  return { stage: scriptStage(stage.name, () => undefined, rowsAreIndependent), script, input, output, notes }
}

async function loadStage(spec: ServiceSpec, stage: StageSpec, models: ModelLoader): Promise<LoadedStage> {
  if (stage.script === undefined) {
    const model = await models.load(stage.model, stage.accelerator)
    return { stage: modelStage(stage.name, model, stage.maxRows), model }
  }
  const { path, name: file } = stage.script
  const module = await importEntryModule(path, file)
  for (const name of ['input', 'accepts', 'decode', 'rawHttp']) {
    if (module[name] !== undefined) {
      throw new ServiceLoadError(`${file} exports ${name}, which is for the first stage: only that sees the request`)
    }
  }
  const context = contextFor(spec, models, stage.accelerator)
  const { rowsAreIndependent } = spec.definition.batching
  const script = await initScript({ init: () => {}, ...module }, { file, context, rowsAreIndependent })
  const run = script.run as (input: unknown) => unknown
  return { stage: scriptStage(stage.name, run, rowsAreIndependent), output: module.output }
}

function selectRowSettings({ definition }: ServiceSpec): RowSettings {
  const { missing, input } = definition
  return { missing, ...(input.columns && { columns: input.columns }) }
}

function contextFor(spec: ServiceSpec, models: ModelLoader, accelerator: ServiceDefinition['accelerator']) {
  return {
    modelDir: spec.modelDir,
    loadModel: async (name?: string) => models.load(name, accelerator),
    log: console.log, // whose lines get the name of the service where they leave the thread
  }
}

/** Makes the outputs of the model at the end of a pipeline the answer. */
function answeredBy({ outputs }: ModelSession, script: Script): Script {
  if (script.kind !== 'rows' && script.kind !== 'preprocessing') return script
  const run = async (feeds: Feeds, headers?: RequestHeaders) =>
    modelAnswer(outputs, (await script.run(feeds, headers)) as Awaited<ReturnType<ModelSession['run']>>)
  return { ...script, run }
}

async function inStage<Result>(stage: StageSpec, load: (stage: StageSpec) => Promise<Result>): Promise<Result> {
  try {
    return await load(stage)
  } catch (cause) {
    if (!(cause instanceof ServiceLoadError) || stage.script !== undefined) throw cause
    throw new ServiceLoadError(`stage "${stage.name}": ${cause.message}`, { cause })
  }
}
