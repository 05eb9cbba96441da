import type { LoadReport } from '../engine/hand-over.ts'
import type { TensorInfo } from '../engine/model-session.ts'

/** One line for people: `load 31 ms, warm-up 4 ms, cpu, data float64[batch, 10] -> prediction float64[batch]`. */
export function describeLoad(report: LoadReport): string {
  const signature = `${describeTensors(report.inputs)} -> ${describeTensors(report.outputs)}`
  const stages = report.stages ? `, stages ${report.stages.join(' > ')}` : ''
  const script = report.scriptKind === 'typed' ? '' : `, ${report.scriptKind} script`
  return `load ${Math.round(report.loadMs)} ms, warm-up ${Math.round(report.warmUpMs)} ms, ${report.executionProvider}${stages}${script}, ${signature}`
}

function describeTensors(tensors: readonly TensorInfo[]): string {
  return tensors.map(({ name, dtype, shape }) => `${name} ${dtype}[${shape.join(', ')}]`).join(', ') || 'no tensors'
}
