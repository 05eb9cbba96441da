import { statSync } from 'node:fs'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { ProviderAttempt } from '../../models/repository/provider-attempts.ts'
import type { UncachedModel } from '../../models/session/load-report.ts'
import type { ModelFile } from '../onnxruntime/model-file.ts'
import { OnnxModelSession } from '../onnxruntime/onnx-model-session.ts'
import { rememberedFingerprint } from './file-fingerprint.ts'
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

  /** @returns undefined: it has to be opened the plain way */
  async open(
    file: ModelFile,
    attempt: ProviderAttempt,
    accelerator: ServiceDefinition['accelerator'],
  ): Promise<OnnxModelSession | undefined> {
    const cache = this.#cache
    if (!cache) return undefined
    let key: string | undefined
    try {
      if (statSync(file.path).size < this.#leastBytes) return undefined
      const { sha256, hasExternalData } = file.fingerprint ?? rememberedFingerprint(cache.folder, file.path)
      if (hasExternalData) return undefined
      key = cache.keyOf(sha256, accelerator.graphOptimization)
      const found = cache.find(key)
      if (found.kind === 'hit') {
        const optimized = { ...accelerator, graphOptimization: 'disabled' } as const // it is that already
        return await OnnxModelSession.open(file, attempt, optimized, { source: { path: found.path } })
      }
      if (found.kind === 'miss') this.missing.push({ path: file.path, accelerator })
    } catch {
      // The folder cannot be read or written; or ONNX Runtime takes no entry that is whole by its checksum.
      if (key !== undefined) cache.discard(key)
    }
    return undefined
  }
}
