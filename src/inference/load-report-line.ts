import type { LoadReport } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { describePlacement } from '../models/session/placement.ts'

/**
 * One line for people: `version 2, load 31 ms, warm-up 4 ms, cpu, data float64[batch, 10] -> prediction float64[batch]`.
 *
 * @param version  the numbered folder of the model, if there is one
 */
export function describeLoad(report: LoadReport, version?: string): string {
  const stages = report.stages ? `, stages ${report.stages.join(' > ')}` : ''
  const optimized = report.optimizedAhead?.length
    ? ` (optimized ahead of time: ${report.optimizedAhead.join(', ')})`
    : ''
  const script = report.scriptKind === 'typed' ? '' : `, ${report.scriptKind} script`
  const prefix = version === undefined ? '' : `version ${version}, `
  return `${prefix}load ${Math.round(report.loadMs)} ms, warm-up ${Math.round(report.warmUpMs)} ms, ${describeProviders(report)}${optimized}${stages}${script}, ${describeSignature(report)}`
}

/** Inputs and outputs: `data float64[batch, 10] -> prediction float64[batch]`. */
export function describeSignature({ inputs, optionalInputs, outputs }: LoadReport): string {
  const optional = optionalInputs?.length ? ` (optional: ${describeTensors(optionalInputs)})` : ''
  return `${describeTensors(inputs)}${optional} -> ${describeTensors(outputs)}`
}

/** `cpu`, or where the nodes ran: `webgpu (10 nodes)`. */
function describeProviders({ executionProvider, placements = [] }: LoadReport): string {
  const [only, ...others] = placements
  if (!only) return executionProvider
  if (others.length === 0) return describePlacement(only)
  return placements.map(placement => `${placement.model} on ${describePlacement(placement)}`).join(', ')
}

function describeTensors(tensors: readonly TensorInfo[]): string {
  return tensors.map(describeTensor).join(', ') || 'no tensors'
}

function describeTensor({ name, dtype, shape, classes }: TensorInfo): string {
  if (!shape) return `${name} ${dtype} of any shape`
  return `${name} ${dtype}[${shape.join(', ')}]${classes ? ' by class' : ''}`
}
