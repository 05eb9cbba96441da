import { statSync } from 'node:fs'
import type { ProviderAttempt } from '../../engine/execution-providers.ts'
import type { UncachedModel } from '../../engine/hand-over.ts'
import type { ModelPath } from '../../engine/thread-spec.ts'
import type { ServiceDefinition } from '../../service/definition.ts'
import { OnnxModelSession } from '../onnxruntime/onnx-model-session.ts'
import { type Fingerprint, rememberedFingerprint } from './file-fingerprint.ts'
import { leastBytes, ModelCache } from './model-cache.ts'

/** The models of a service as far as the local cache has them. Whatever is wrong with that, the plain path is right. */
export class CachedModels {
  /** What it lacks, and could have. */
  readonly missing: UncachedModel[] = []
  readonly #cache: ModelCache | undefined
  readonly #leastBytes: number

  /** @param folder  opened by `openCacheFolder`; undefined: there is no cache */
  constructor(folder: string | undefined, least = leastBytes) {
    this.#cache = folder === undefined ? undefined : new ModelCache(folder)
    this.#leastBytes = least
  }

  /**
   * @param known  of its file, where that was read just now
   * @returns undefined: it has to be opened the plain way
   */
  async open(
    model: ModelPath,
    attempt: ProviderAttempt,
    accelerator: ServiceDefinition['accelerator'],
    known: Fingerprint | undefined,
  ): Promise<OnnxModelSession | undefined> {
    const cache = this.#cache
    if (!cache) return undefined
    let key: string | undefined
    try {
      if (statSync(model.path).size < this.#leastBytes) return undefined
      const { sha256, hasExternalData } = known ?? rememberedFingerprint(cache.folder, model.path)
      if (hasExternalData) return undefined
      key = cache.keyOf(sha256, accelerator.graphOptimization)
      const found = cache.find(key)
      if (found.kind === 'hit') {
        return await OnnxModelSession.open({ ...model, path: found.path }, attempt, {
          ...accelerator,
          graphOptimization: 'disabled', // it is optimized
        })
      }
      if (found.kind === 'miss') this.missing.push({ path: model.path, accelerator })
    } catch {
      // The folder cannot be read or written; or ONNX Runtime takes no entry that is whole by its checksum.
      if (key !== undefined) cache.discard(key)
    }
    return undefined
  }
}
