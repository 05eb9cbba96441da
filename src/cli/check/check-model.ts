import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ModelFile } from '../../adapters/onnxruntime/model-file.ts'
import { ServiceLoadError } from '../../errors.ts'
import { externalFiles } from '../../models/graph/external-files.ts'
import { innerGraphs } from '../../models/graph/live-nodes.ts'
import type { OnnxModel, OnnxNode } from '../../models/graph/onnx-model.ts'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import type { RowProof } from '../../models/session/model-session.ts'
import { describeBytes } from '../describe.ts'
import { error, type Finding, ok, warning } from '../finding.ts'
import { posixPath } from '../posix-path.ts'

export interface ModelCheck {
  readonly findings: readonly Finding[]
  /** Undefined where the file cannot be read. */
  readonly rowProof: RowProof | undefined
  readonly bytes: number
}

/** Checks the file of a model, those with its weights, and its graph; nothing is loaded. */
export function checkModel(model: ModelPath, folder: string): ModelCheck {
  const path = posixPath(folder, model.path)
  try {
    const file = new ModelFile(model)
    const weights = (externalFiles(file.model) ?? []).filter(each => join(dirname(model.path), each) !== model.path)
    const missing = weights.filter(each => !exists(join(dirname(model.path), each)))
    if (missing.length > 0) {
      const text = `${path} has weights in ${missing.join(', ')}, which is not beside it; copy it there`
      return { findings: [error('model', text)], rowProof: undefined, bytes: 0 }
    }
    const bytes = [model.path, ...weights.map(each => join(dirname(model.path), each))].reduce(
      (sum, each) => sum + statSync(each).size,
      0,
    )
    const parts = [
      `${path}, ${describeBytes(bytes)}${weights.length > 0 ? ` with the weights in ${weights.join(', ')}` : ''}`,
      describeOpsets(file.model),
      ...(file.sha256 === undefined ? [] : ['its SHA-256 is the one in service.json']),
    ]
    return { findings: [ok('model', parts.join(', ')), ...checkOperators(file.model)], rowProof: file.rowProof, bytes }
  } catch (failure) {
    if (!(failure instanceof ServiceLoadError)) throw failure
    return { findings: [error('model', failure.message)], rowProof: undefined, bytes: 0 }
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function describeOpsets({ opsets, irVersion }: OnnxModel): string {
  const own = opsets.get('')
  const others = [...opsets].filter(([domain]) => domain !== '').map(([domain, version]) => `${domain} ${version}`)
  return [...(own === undefined ? [] : [`opset ${own}`]), ...others, `IR version ${irVersion}`].join(', ')
}

/** Operators that draw random numbers (onnx, Operators.md). */
const random = new Set([
  'Bernoulli',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
])

function checkOperators(model: OnnxModel): Finding[] {
  const drawn = [
    ...new Set(
      allNodes(model)
        .filter(({ operator, domain }) => domain === '' && random.has(operator))
        .map(({ operator }) => operator),
    ),
  ]
  if (drawn.length === 0) return []
  return [
    warning(
      'model',
      `it draws random numbers (${drawn.join(', ')}), so the same request gets other answers; export it for inference`,
    ),
  ]
}

function allNodes({ graph, functions }: OnnxModel): OnnxNode[] {
  const withInner = (node: OnnxNode): OnnxNode[] => [
    node,
    ...innerGraphs(node).flatMap(inner => inner.nodes.flatMap(withInner)),
  ]
  return [...graph.nodes, ...functions.flatMap(({ nodes }) => nodes)].flatMap(withInner)
}
