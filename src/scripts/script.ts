import { ScoringError, ServiceLoadError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import type { JsonSource } from '../tensor/json-source.ts'
import { type InitContext, type RequestHeaders, TensorInput } from './api.ts'
import { type CustomContentTypes, readCustomContentTypes } from './custom-content-types.ts'
import { checkSampleRows, readDeclaredTensors } from './declared-tensors.ts'
import { decodeFeeds, type RowSettings } from './feeds.ts'
import { alone, type RowSharing, scriptSharing } from './row-sharing.ts'

/** An object with zod's `safeParse`; the schema may come from any copy of zod, or from another library. */
interface Schema {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: unknown }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } }
}

/** An entry script whose exports have been checked; `kind` names the argument of `run`. */
export type Script = RawRequestScript | RowScript | PreprocessingPipeline

/** A script that runs once per request, on the raw request. */
export type RawRequestScript = RawScript | RawHttpScript | ObjectScript

interface TakesHeaders {
  /** Whether `run` has a second parameter, for the request's headers. */
  readonly takesHeaders: boolean
}

interface RawScript extends TakesHeaders {
  readonly kind: 'raw'
  run(rawData: string, headers?: RequestHeaders): unknown
}

interface RawHttpScript extends TakesHeaders {
  readonly kind: 'rawHttp'
  run(request: Request): unknown
}

/** A script whose input a schema checks. */
interface ObjectScript extends TakesHeaders {
  readonly kind: 'object'
  /** @throws ScoringError INPUT_MISSING or INPUT_INVALID naming the member */
  decode(parameters: Record<string, unknown>): unknown
  run(input: unknown, headers?: RequestHeaders): unknown
}

/** A script that takes tensors, so that rows of several requests may arrive together. */
export interface RowScript extends TakesHeaders {
  readonly kind: 'rows'
  readonly inputs: readonly TensorInfo[]
  /** Inputs with a default; a request that sets one shares no run. */
  readonly optionalInputs?: readonly TensorInfo[]
  /** Whether the first dimension of every input is open, so that a request has a number of rows. */
  readonly hasRowAxis: boolean
  readonly sharing: RowSharing
  /** The sample in the declaration of the inputs, if any. */
  readonly sample?: Feeds
  readonly customContentTypes?: CustomContentTypes | undefined
  /** @throws ScoringError INPUT_… naming the parameter */
  decode(parameters: Record<string, unknown>, source?: JsonSource): Feeds
  run(feeds: Feeds, headers?: RequestHeaders): unknown
}

/** A pipeline whose first stage is a script that makes the rows of each request. */
export interface PreprocessingPipeline extends TakesHeaders {
  readonly kind: 'preprocessing'
  readonly firstStage: RawRequestScript
  /** Inputs of the second stage; undefined when it is a script, which takes any tensors. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Whether all stages take any number of rows. */
  readonly hasRowAxis: boolean
  readonly sharing: RowSharing
  /**
   * Runs the first stage.
   *
   * @param input  input of `firstStage`
   */
  preprocess(input: unknown, headers?: RequestHeaders): Promise<Feeds>
  run(feeds: Feeds): unknown
}

interface EntryModule {
  init?: unknown
  run?: unknown
  input?: unknown
  output?: unknown
  rawHttp?: unknown
  accepts?: unknown
  decode?: unknown
}

export interface ScriptOptions {
  /** Name of the script in messages, e.g. `iris/score.ts`. */
  readonly file: string
  readonly context: InitContext
  /** `batching.rowsAreIndependent` of service.json. */
  readonly rowsAreIndependent: boolean | undefined
  readonly settings?: RowSettings
}

/**
 * Checks the exports of a module and calls its `init`.
 *
 * @throws ServiceLoadError when `init` or `run` is missing, `input` or `output` is neither a schema nor `tensor(...)`, or one of
 *   `accepts` and `decode` is missing
 */
export async function initScript(
  module: EntryModule,
  { file, context, rowsAreIndependent, settings }: ScriptOptions,
): Promise<Script> {
  const { init, run, input, output, rawHttp } = module
  if (typeof run !== 'function') throw new ServiceLoadError(`${file} must export a function run(), found ${typeof run}`)
  if (typeof init !== 'function')
    throw new ServiceLoadError(`${file} must export a function init(), found ${typeof init}`)
  const misspelt = Object.keys(module).find(name => name !== 'rawHttp' && /^raw_?http$/i.test(name))
  if (misspelt) throw new ServiceLoadError(`${file} exports ${misspelt}; the export is called rawHttp`)
  if (rawHttp !== undefined && typeof rawHttp !== 'boolean')
    throw new ServiceLoadError(`${file}: rawHttp must be true or false`)
  if (rawHttp && input !== undefined) throw new ServiceLoadError(`${file} exports both rawHttp and input; choose one`)
  const declared = readDeclaredTensors(input)
  if (input !== undefined && !declared && !isSchema(input)) {
    throw new ServiceLoadError(
      `${file}: input must be a zod schema or tensor(...), or an object of tensor(...) by column`,
    )
  }
  if (output !== undefined && !(output instanceof TensorInput) && !isSchema(output)) {
    throw new ServiceLoadError(`${file}: output must be a zod schema or tensor(...)`)
  }
  if (declared) checkSampleRows(file, declared)
  const customContentTypes = readCustomContentTypes(file, module, declared?.inputs ?? [])
  try {
    await init(context)
  } catch (cause) {
    throw new ServiceLoadError(`${file}: init() failed: ${(cause as Error)?.message ?? cause}`, { cause })
  }
  const call = run as (input: unknown, headers?: RequestHeaders) => unknown
  if (rawHttp) return { kind: 'rawHttp', takesHeaders: false, run: call }
  const takesHeaders = run.length >= 2
  if (input === undefined) return { kind: 'raw', takesHeaders, run: call }
  if (declared) {
    const { inputs, sample, hasRowAxis } = declared
    const decode: RowScript['decode'] = (parameters, source) => decodeFeeds(parameters, inputs, settings, source)
    const sharing = takesHeaders
      ? alone('run() takes the headers of the request')
      : hasRowAxis
        ? scriptSharing(`run() of ${file}`, rowsAreIndependent)
        : alone('the sample of tensor(…) has no rows')
    return { kind: 'rows', takesHeaders, inputs, hasRowAxis, sharing, sample, customContentTypes, decode, run: call }
  }
  return { kind: 'object', takesHeaders, decode: parameters => checked(input as Schema, parameters), run: call }
}

function isSchema(input: unknown): input is Schema {
  return typeof (input as Schema | null)?.safeParse === 'function'
}

function isMissing(parameters: object, name: PropertyKey | undefined): boolean {
  return name !== undefined && !Object.hasOwn(parameters, name)
}

function checked(schema: Schema, parameters: Record<string, unknown>): unknown {
  const parsed = schema.safeParse(parameters)
  if (parsed.success) return parsed.data
  const { issues } = parsed.error
  // Azure ML's message, which clients know. Azure ML looks for all parameters before it converts any.
  const missing = issues.find(({ path: [name, ...inner] }) => isMissing(parameters, name) && inner.length === 0)
  if (missing) {
    throw new ScoringError('INPUT_MISSING', `A value is not provided for the '${String(missing.path[0])}' parameter.`)
  }
  const [issue] = issues
  const message = issue?.message
    .replace(/^Invalid (input|option): /, '')
    .replace(/, received undefined$/, ', but it is missing')
  throw new ScoringError('INPUT_INVALID', `${writePath(issue?.path ?? [])}: ${message}`)
}

/** Writes the place of a value as messages about tensors do: `input "data"[0].income`. */
function writePath([name, ...inner]: readonly PropertyKey[]): string {
  if (name === undefined) return 'input'
  return `input "${String(name)}"${inner.map(key => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')}`
}
