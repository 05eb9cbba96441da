import type { Feeds, TensorInfo } from '../engine/model-session.ts'
import { ScoringError, ServiceLoadError } from '../errors.ts'
import { type InitContext, TensorInput } from './api.ts'
import { decodeFeeds } from './feeds.ts'
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
export type Script =
  | { readonly kind: 'raw'; run(rawData: string): unknown }
  | { readonly kind: 'rawHttp'; run(request: Request): unknown }
  | { readonly kind: 'object'; decode(parameters: Record<string, unknown>): unknown; run(input: unknown): unknown }
  | RowScript

/** A script that takes tensors, so that rows of several requests may arrive together. */
export interface RowScript {
  readonly kind: 'rows'
  readonly inputs: readonly TensorInfo[]
  /** Rows may be joined at all: every input has an open first dimension. */
  readonly hasRowAxis: boolean
  /** Bodies besides JSON that the script reads itself. */
  readonly ownMedia?: OwnMedia | undefined
  /** @throws ScoringError INPUT_… naming the parameter */
  decode(parameters: Record<string, unknown>): Feeds
  run(feeds: Feeds): unknown
}

interface EntryModule {
  init?: unknown
  run?: unknown
  input?: unknown
  rawHttp?: unknown
  accepts?: unknown
  decode?: unknown
}

/**
 * Checks what a module exports and calls its `init`.
 *
 * @param file  what to call it in messages, e.g. `iris/score.ts`
 * @throws ServiceLoadError when `init` or `run` is missing, `input` is neither a schema nor `tensor(...)`, or `accepts` and
 *   `decode` do not go together
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
  const inputs = input instanceof TensorInput ? [{ name: 'data', dtype: input.dtype, shape: input.shape }] : []
  const ownMedia = ownMediaOf(file, module, inputs)
  try {
    await init(context)
  } catch (cause) {
    throw new ServiceLoadError(`${file}: init() failed: ${(cause as Error)?.message ?? cause}`, { cause })
  }
  const call = run as (input: unknown) => unknown
  if (rawHttp) return { kind: 'rawHttp', run: call }
  if (input === undefined) return { kind: 'raw', run: call }
  if (input instanceof TensorInput) {
    const decode = (parameters: Record<string, unknown>) => decodeFeeds(parameters, inputs)
    return { kind: 'rows', inputs, hasRowAxis: input.hasRowAxis, ownMedia, decode, run: call }
  }
  return { kind: 'object', decode: parameters => checked(input as Schema, parameters), run: call }
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
