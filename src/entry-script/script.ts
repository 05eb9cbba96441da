import type { Feeds, TensorInfo } from '../engine/model-session.ts'
import { ScoringError, ServiceLoadError } from '../errors.ts'
import { type InitContext, TensorInput } from './api.ts'
import { decodeFeeds } from './feeds.ts'

/** An object with zod's `safeParse`; the schema may come from any copy of zod, or from another library. */
interface Schema {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: unknown }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } }
}

/** An entry script whose exports have been checked; `kind` says what `run` takes. */
export type Script =
  | { readonly kind: 'raw'; run(rawData: string): unknown }
  | { readonly kind: 'rawHttp'; run(request: Request): unknown }
  | { readonly kind: 'object'; decode(parameters: Record<string, unknown>): unknown; run(input: unknown): unknown }
  | RowScript
  | HeadedScript

/** A script that is run once a request, on the request as it is. */
export type WholeScript = Exclude<Script, RowScript | HeadedScript>

/** A pipeline that begins with a script which makes the rows of each request. */
export interface HeadedScript {
  readonly kind: 'headed'
  readonly head: WholeScript
  /** Rows of several requests may be joined at all. */
  readonly hasRowAxis: boolean
  /** @param input  what `head` takes */
  feedsOf(input: unknown): Promise<Feeds>
  run(feeds: Feeds): unknown
}

/** A script that takes tensors, so that rows of several requests may arrive together. */
export interface RowScript {
  readonly kind: 'rows'
  readonly inputs: readonly TensorInfo[]
  /** Rows may be joined at all: every input has an open first dimension. */
  readonly hasRowAxis: boolean
  /** @throws ScoringError INPUT_… naming the parameter */
  decode(parameters: Record<string, unknown>): Feeds
  run(feeds: Feeds): unknown
}

interface EntryModule {
  init?: unknown
  run?: unknown
  input?: unknown
  rawHttp?: unknown
}

/**
 * Checks what a module exports and calls its `init`.
 *
 * @param file  what to call it in messages, e.g. `iris/score.ts`
 * @throws ServiceLoadError when `init` or `run` is missing or `input` is neither a schema nor `tensor(...)`
 */
export async function initScript(file: string, module: EntryModule, context: InitContext): Promise<Script> {
  const { init, run, input, rawHttp } = module
  if (typeof run !== 'function') throw new ServiceLoadError(`${file} must export a function run(), found ${typeof run}`)
  if (typeof init !== 'function')
    throw new ServiceLoadError(`${file} must export a function init(), found ${typeof init}`)
  if (rawHttp !== undefined && typeof rawHttp !== 'boolean')
    throw new ServiceLoadError(`${file}: rawHttp must be true or false`)
  if (rawHttp && input !== undefined) throw new ServiceLoadError(`${file} exports both rawHttp and input; choose one`)
  if (input !== undefined && !(input instanceof TensorInput) && !isSchema(input)) {
    throw new ServiceLoadError(`${file}: input must be a zod schema or tensor(...)`)
  }
  try {
    await init(context)
  } catch (cause) {
    throw new ServiceLoadError(`${file}: init() failed: ${(cause as Error)?.message ?? cause}`, { cause })
  }
  const call = run as (input: unknown) => unknown
  if (rawHttp) return { kind: 'rawHttp', run: call }
  if (input === undefined) return { kind: 'raw', run: call }
  if (input instanceof TensorInput) return tensorScript(input, call)
  return { kind: 'object', decode: parameters => checked(input as Schema, parameters), run: call }
}

function tensorScript(input: TensorInput, run: (input: unknown) => unknown): RowScript {
  const inputs = [{ name: 'data', dtype: input.dtype, shape: input.shape }]
  return {
    kind: 'rows',
    inputs,
    hasRowAxis: input.hasRowAxis,
    decode: parameters => decodeFeeds(parameters, inputs),
    run,
  }
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
