import type { LoadReport } from '../../engine/hand-over.ts'
import type { ModelSession } from '../../engine/model-session.ts'
import type { ThreadSpec } from '../../engine/thread-spec.ts'
import { TensorInput } from '../../entry-script/api.ts'
import { initScript, type RowScript, type Script } from '../../entry-script/script.ts'
import { builtInScript } from '../../entry-script/tensor-script.ts'
import { warmUp } from '../../entry-script/warm-up.ts'
import { ServiceLoadError } from '../../errors.ts'
import { binaryMediaTypes } from '../../protocols/binary-input.ts'
import { jsonSchemaOf } from '../../protocols/openapi-declared.ts'
import { encode } from '../../tensor/python-json.ts'
import { loadOnnxModel } from '../onnxruntime/onnx-model-session.ts'
import { describeOutput } from './describe-output.ts'
import { importEntryModule } from './entry-module.ts'

/** A service that can score, as the thread holds it. */
export interface LoadedService {
  readonly script: Script
  /** Nothing of its owner's runs, so that nothing ends the thread. */
  readonly isBuiltIn: boolean
  readonly isBatchable: boolean
  /** Whole numbers beyond 2^53 must arrive exactly. */
  readonly hasExactIntegers: boolean
  /** What bodies may be besides JSON. */
  readonly mediaTypes: readonly string[]
  readonly maxRows: { readonly request: number; readonly run: number }
  readonly response: ThreadSpec['definition']['response']
}

/**
 * Loads models and entry script and proves, with a run, that they work.
 *
 * @throws ServiceLoadError saying what the owner of the service has to mend
 */
export async function loadService(spec: ThreadSpec): Promise<{ service: LoadedService; report: LoadReport }> {
  const startedAt = performance.now()
  const sessions = new Map<string, Promise<ModelSession>>()
  const loadModel = (name?: string) => {
    const model =
      name === undefined && spec.models.length === 1 ? spec.models[0] : spec.models.find(each => each.name === name)
    if (!model) {
      const known = spec.models.map(each => `"${each.name}"`).join(', ') || 'none'
      throw new ServiceLoadError(
        `there is no model ${name === undefined ? 'to choose' : `"${name}"`}; models: ${known}`,
      )
    }
    const session = sessions.get(model.name) ?? loadOnnxModel(model, spec.definition.accelerator)
    sessions.set(model.name, session)
    return session
  }
  const { script, input, output } = await loadScript(spec, loadModel)
  const loadedAt = performance.now()
  const { isBatchable, notes, answer } = await warmUp(script, {
    sample: spec.sample,
    maxRows: spec.definition.batching.maxRows,
  })
  const described = describeOutput(output, answer, spec.definition.response.nonFinite)
  const [session] = await Promise.all(sessions.values())
  const inputs = script.kind === 'rows' ? script.inputs : (session?.inputs ?? [])
  const mediaTypes = script.kind === 'rows' ? mediaTypesOf(script) : []
  const report: LoadReport = {
    scriptKind: script.kind === 'rows' || script.kind === 'object' ? 'typed' : script.kind,
    takesHeaders: script.takesHeaders,
    executionProvider: session?.executionProvider ?? 'none',
    inputs,
    outputs: session?.outputs ?? [],
    mediaTypes,
    inputSample: spec.sample ?? (input instanceof TensorInput ? encode({ data: input.sample }) : undefined),
    inputJsonSchema: script.kind === 'object' ? (jsonSchemaOf(input, 'input') ?? { type: 'object' }) : undefined,
    outputSample: described.sample,
    outputJsonSchema: spec.entryScript === undefined ? undefined : described.jsonSchema,
    isBatchable,
    notes: [...notes, ...described.notes],
    loadMs: loadedAt - startedAt,
    warmUpMs: performance.now() - loadedAt,
  }
  const { batching, limits, response } = spec.definition
  const service: LoadedService = {
    script,
    isBuiltIn: spec.entryScript === undefined,
    isBatchable,
    hasExactIntegers: inputs.some(({ dtype }) => dtype === 'int64' || dtype === 'uint64'),
    mediaTypes,
    maxRows: { request: limits.maxRows, run: batching.maxRows },
    response,
  }
  return { service, report }
}

/** The script's own first, because it goes before what every script of tensors takes. */
function mediaTypesOf({ ownMedia, inputs }: RowScript): readonly string[] {
  return [...new Set([...(ownMedia?.types ?? []), ...binaryMediaTypes(inputs)])]
}

/** The script, and what it exports as `input` and `output`. */
async function loadScript(
  spec: ThreadSpec,
  loadModel: (name?: string) => Promise<ModelSession>,
): Promise<{ script: Script; input?: unknown; output?: unknown }> {
  if (spec.entryScript === undefined) return { script: builtInScript(await loadModel()) }
  const file = `${spec.service}/${spec.definition.entryScript}`
  const module = await importEntryModule(spec.entryScript, file)
  const script = await initScript(file, module, {
    modelDir: spec.modelDir,
    loadModel: async name => loadModel(name),
    log: console.log, // whose lines get the name of the service where they leave the thread
  })
  return { script, input: module.input, output: module.output }
}
