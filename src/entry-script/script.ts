import type { Feeds, TensorInfo } from '../engine/model-session.ts'
import { ScoringError, ServiceLoadError } from '../errors.ts'
import type { JsonSource } from '../tensor/json-source.ts'
import { type InitContext, type RequestHeaders, TensorInput } from './api.ts'
import { decodeFeeds, type RowSettings } from './feeds.ts'
import { type OwnMedia, ownMediaOf } from './own-media.ts'

/** An object with zod's `safeParse`; the schema may come from any copy of zod, or from another library. */
interface Schema {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: unknown }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } }
}

/** An entry script whose exports have been checked; `kind` says what `run` takes. */
export type Script = WholeScript | RowScript | HeadedScript

/** A script that is run once a request, on the request as it is. */
export type WholeScript = RawScript | RawHttpScript | ObjectScript

interface TakesHeaders {
  /** `run` has a second parameter, for the headers of its request. */
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
  /** @throws ScoringError INPUT_INVALID naming the member */
  decode(parameters: Record<string, unknown>): unknown
  run(input: unknown, headers?: RequestHeaders): unknown
}

/** A script that takes tensors, so that rows of several requests may arrive together. */
export interface RowScript extends TakesHeaders {
  readonly kind: 'rows'
  readonly inputs: readonly TensorInfo[]
  /** Rows may be joined at all: every input has an open first dimension. */
  readonly hasRowAxis: boolean
  /** What the owner declared them with, if anything. */
  readonly sample?: Feeds
  /** Bodies besides JSON that the script reads itself. */
  readonly ownMedia?: OwnMedia | undefined
  /** @throws ScoringError INPUT_… naming the parameter */
  decode(parameters: Record<string, unknown>, source?: JsonSource): Feeds
  run(feeds: Feeds, headers?: RequestHeaders): unknown
}

/** A pipeline that begins with a script which makes the rows of each request. */
export interface HeadedScript extends TakesHeaders {
  readonly kind: 'headed'
  readonly head: WholeScript
  /** Rows of several requests may be joined at all. */
  readonly hasRowAxis: boolean
  /** @param input  what `head` takes */
  feedsOf(input: unknown, headers?: RequestHeaders): Promise<Feeds>
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

/**
 * Checks what a module exports and calls its `init`.
 *
 * @param file  what to call it in messages, e.g. `iris/score.ts`
 * @throws ServiceLoadError when `init` or `run` is missing, `input` or `output` is neither a schema nor `tensor(...)`, or `accepts` and
 *   `decode` do not go together
 */
export async function initScript(
  file: string,
  module: EntryModule,
  context: InitContext,
  settings?: RowSettings,
): Promise<Script> {
  const { init, run, input, output, rawHttp } = module
  if (typeof run !== 'function') throw new ServiceLoadError(`${file} must export a function run(), found ${typeof run}`)
  if (typeof init !== 'function')
    throw new ServiceLoadError(`${file} must export a function init(), found ${typeof init}`)
  const misspelt = Object.keys(module).find(name => name !== 'rawHttp' && /^raw_?http$/i.test(name))
  if (misspelt) throw new ServiceLoadError(`${file} exports ${misspelt}, which is spelt rawHttp here`)
  if (rawHttp !== undefined && typeof rawHttp !== 'boolean')
    throw new ServiceLoadError(`${file}: rawHttp must be true or false`)
  if (rawHttp && input !== undefined) throw new ServiceLoadError(`${file} exports both rawHttp and input; choose one`)
  for (const [name, declared] of Object.entries({ input, output })) {
    if (declared !== undefined && !(declared instanceof TensorInput) && !isSchema(declared)) {
      throw new ServiceLoadError(`${file}: ${name} must be a zod schema or tensor(...)`)
    }
  }
  const inputs = input instanceof TensorInput ? [{ name: 'data', dtype: input.dtype, shape: input.shape }] : []
  const ownMedia = ownMediaOf(file, module, inputs)
  try {
    await init(context)
  } catch (cause) {
    throw new ServiceLoadError(`${file}: init() failed: ${(cause as Error)?.message ?? cause}`, { cause })
  }
  const call = run as (input: unknown, headers?: RequestHeaders) => unknown
  if (rawHttp) return { kind: 'rawHttp', takesHeaders: false, run: call }
  const takesHeaders = run.length >= 2
  if (input === undefined) return { kind: 'raw', takesHeaders, run: call }
  if (input instanceof TensorInput) {
    const decode: RowScript['decode'] = (parameters, source) => decodeFeeds(parameters, inputs, settings, source)
    const sample = { data: input.sample }
    return { kind: 'rows', takesHeaders, inputs, hasRowAxis: input.hasRowAxis, sample, ownMedia, decode, run: call }
  }
  return { kind: 'object', takesHeaders, decode: parameters => checked(input as Schema, parameters), run: call }
}

function isSchema(input: unknown): input is Schema {
  return typeof (input as Schema | null)?.safeParse === 'function'
}

function checked(schema: Schema, parameters: Record<string, unknown>): unknown {
  const parsed = schema.safeParse(parameters)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const path = issue?.path.map(String).join('.')
  throw new ScoringError('INPUT_INVALID', path ? `input "${path}": ${issue?.message}` : `input: ${issue?.message}`)
}
