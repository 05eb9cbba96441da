import { decodeJsonBody, decodeText } from '../../protocols/azureml/input.ts'
import type { InferenceRequest, RequestDetails } from '../../scheduling/inference-request.ts'
import { rawRequest } from '../../scripts/raw-request.ts'
import type { RawRequestScript } from '../../scripts/script.ts'

/**
 * What a script of its own kind gets of a request: text, checked members, or the request itself.
 *
 * @throws ScoringError 4xx naming what is wrong with the body
 */
export function readRawInput(
  script: RawRequestScript,
  { body, contentType, details }: InferenceRequest,
  { takesTokens }: { readonly takesTokens: boolean },
): unknown {
  switch (script.kind) {
    case 'raw':
      return decodeText(body)
    case 'object':
      return script.decode(decodeJsonBody(body, contentType, { hasExactIntegers: false, takesTokens }).parameters)
    case 'rawHttp': {
      const { method, url, headers } = (details as RequestDetails).http as NonNullable<RequestDetails['http']>
      const init = { method, headers: headers as [string, string][] }
      return rawRequest(url, init, body as Uint8Array<ArrayBuffer>)
    }
  }
}
