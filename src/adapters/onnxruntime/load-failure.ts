import './telemetry-off.ts'

import * as ort from 'onnxruntime-node'
import { ServiceLoadError } from '../../errors.ts'
import type { ModelFile } from './model-file.ts'
import { plain } from './provider-failure.ts'

/** Says why ONNX Runtime does not open a model on the CPU: one sentence for its owner, the reason first. */
export function loadFailure({ name }: ModelFile, cause: Error): ServiceLoadError {
  return new ServiceLoadError(`model "${name}" cannot be loaded: ${reasonIn(cause.message)}`, { cause })
}

function reasonIn(message: string): string {
  for (const [pattern, reason] of reasons) {
    const match = pattern.exec(message)
    if (match) return reason(...match.slice(1))
  }
  return plain(message)
}

const runtime = `ONNX Runtime ${ort.env.versions.node}`

/** Messages of ONNX Runtime (1.30), and what they mean for the author of the model. */
const reasons: readonly (readonly [RegExp, (...found: string[]) => string])[] = [
  [
    /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    (version, most) =>
      `its IR version is ${version}, and ${runtime} reads up to ${most}: export it with an older version of the package onnx`,
  ],
  [
    /Opset (\d+) is under development [\s\S]*support for domain (\S+) is till opset (\d+)/,
    (version, domain, most) =>
      `it uses version ${version} of the operators of ${domain}, and ${runtime} has up to ${most}: export it with that version (opset_version, target_opset) or an older one`,
  ],
  [
    /Fatal error: (\S+):(\S+?)\(-?\d+\) is not a registered function\/op/,
    (domain, operator) => notThere(operator, domain),
  ],
  [
    /In Node, \("[^"]*", ([^,"\s]+), "([^"]*)", [\s\S]*Error No (?:opset import for domain|Op registered for)/,
    (operator, domain) => notThere(operator, domain),
  ],
  [
    /Could not find an implementation for (\w+)\((\d+)\) node/,
    (operator, version) =>
      `${runtime} cannot compute the operator ${operator} (version ${version}) with the types that it has there: export the model with float32 or another plain type`,
  ],
  [
    /Failed to construct locale with name:\s*([\w.@-]+?):/,
    locale =>
      `it turns texts to small letters by the rules of the locale ${locale}, which this machine does not have: install it (Debian: the package locales-all), or export the model without`,
  ],
]

/** An operator that the runtime does not know: of another domain than ONNX's own, or of another version. */
function notThere(operator = '', domain = ''): string {
  return domain === '' || domain === 'ai.onnx'
    ? `${runtime} has no operator ${operator} in the version that the file says`
    : `its operator ${operator} (${domain}) is not part of ${runtime}, and custom operators cannot be loaded: export the model without it, and do its work in an entry script or before the request`
}
