import { InputShapeMismatch, ServiceLoadError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { fits } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { BodyToDecode } from './api.ts'

/** The content types besides JSON that a script decodes itself. */
export interface CustomContentTypes {
  /** Media types; a subtype of `*` stands for all subtypes. */
  readonly types: readonly string[]
  takes(mediaType: string): boolean
  /**
   * Decodes a body.
   *
   * @returns one checked tensor per declared input, like a JSON body
   * @throws whatever the script throws; InputShapeMismatch when a tensor has another shape than its input
   */
  decode(body: BodyToDecode): Promise<Feeds>
}

interface MediaModule {
  accepts?: unknown
  decode?: unknown
  rawHttp?: unknown
}

/**
 * Reads the exports `accepts` and `decode` of an entry script.
 *
 * @param file  name of the script in messages, e.g. `digits/decode.ts`
 * @returns undefined when the script has neither
 * @throws ServiceLoadError when one of the two is missing, or `input = tensor(...)` is
 */
export function readCustomContentTypes(
  file: string,
  module: MediaModule,
  inputs: readonly TensorInfo[],
): CustomContentTypes | undefined {
  const { accepts, decode, rawHttp } = module
  if (accepts === undefined) {
    // Without `accepts`, `decode` would never be called; `accepts` may be misspelt.
    if (decode === undefined || inputs.length === 0) return undefined
    throw new ServiceLoadError(
      `${file} exports decode(), so it must also export accepts, the list of media types that it decodes`,
    )
  }
  if (rawHttp) {
    throw new ServiceLoadError(
      `${file} exports both rawHttp and accepts; a raw-HTTP script already receives every body`,
    )
  }
  if (typeof decode !== 'function') {
    throw new ServiceLoadError(`${file} exports accepts, so it must export a function decode(), found ${typeof decode}`)
  }
  if (inputs.length === 0) {
    throw new ServiceLoadError(
      `${file} exports accepts, so it must export input = tensor(...), the tensor that decode() returns`,
    )
  }
  const types = checkedTypes(file, accepts)
  return {
    types,
    takes: mediaType => types.includes(mediaType) || types.includes(mediaType.replace(/\/.*$/, '/*')),
    decode: async body => checkFeeds(await (decode as (body: BodyToDecode) => unknown)(body), inputs),
  }
}

function checkedTypes(file: string, accepts: unknown): readonly string[] {
  const example = `e.g. ['image/png', 'image/jpeg']`
  if (!Array.isArray(accepts) || accepts.length === 0) {
    throw new ServiceLoadError(`${file}: accepts must be a list of media types, ${example}`)
  }
  return accepts.map(each => {
    const type = typeof each === 'string' ? each.toLowerCase() : ''
    if (!/^[a-z0-9][\w.+-]*\/(\*|[a-z0-9][\w.+-]*)$/.test(type)) {
      throw new ServiceLoadError(`${file}: accepts has ${JSON.stringify(each)}, which is not a media type, ${example}`)
    }
    if (/^application\/(json$|\*$|.+\+json$)/.test(type)) {
      throw new ServiceLoadError(`${file}: accepts has "${type}"; JSON is always accepted and never passed to decode()`)
    }
    return type
  })
}

/** Checks the result of `decode`. A missing input or wrong type is the script's fault, a wrong shape mostly the caller's. */
function checkFeeds(result: unknown, inputs: readonly TensorInfo[]): Feeds {
  const [only] = inputs
  const byName = result instanceof Tensor && inputs.length === 1 && only ? { [only.name]: result } : result
  const feeds = new Map<string, Tensor>()
  for (const { name, dtype, shape } of inputs) {
    const tensor = (byName as Record<string, unknown> | null | undefined)?.[name]
    if (!(tensor instanceof Tensor)) throw new TypeError(`decode() must return a Tensor, or { ${name}: Tensor }`)
    if (tensor.dtype !== dtype)
      throw new TypeError(`decode() returned a ${tensor.dtype} tensor, its input declares ${dtype}`)
    if (shape && !fits(tensor.shape, shape)) throw new InputShapeMismatch(name, shape, tensor.shape)
    feeds.set(name, tensor)
  }
  return Object.fromEntries(feeds)
}
