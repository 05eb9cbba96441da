import type { LoadReport } from '../models/session/load-report.ts'
import type { InferenceRequest } from '../scheduling/inference-request.ts'
import type { ScoringService } from './scoring-service.ts'

/** Port: what the main thread does for services that take encrypted features. */
export interface EncryptedRequests {
  /**
   * Tells an encrypted request from one of plain rows by its body, and gets the caller's public keys.
   *
   * @param request         as it came
   * @param takesBinary     the caller accepts bytes as an answer
   * @returns the request as a worker takes it; undefined when it is not encrypted
   * @throws ScoringError INPUT_INVALID naming the field, BODY_TOO_LARGE, PUBLIC_KEYS_UNKNOWN, PUBLIC_KEYS_UNAVAILABLE, QUEUE_FULL
   */
  read(
    service: ScoringService,
    report: LoadReport,
    request: InferenceRequest,
    takesBinary: boolean,
  ): Promise<InferenceRequest | undefined>

  /**
   * Checks public keys and stores them.
   *
   * @param keys      their id, and what makes a name for who sends them, by which they are limited, out of the number of proxies
   *   before the app whose word is taken for an address
   * @param readBlob  reads the body, once it is known that the keys are new
   * @throws ScoringError INPUT_INVALID, PUBLIC_KEYS_EXIST, PUBLIC_KEYS_UNAVAILABLE, TOO_MANY_PUBLIC_KEYS
   */
  storeKeys(
    service: ScoringService,
    keys: { readonly keyId: string; readonly identifyCaller: (trustedProxies: number) => string },
    readBlob: () => Promise<Uint8Array>,
  ): Promise<void>
}
