import { type Panel, type Series, svgChart } from '../report/svg-chart.ts'
import type { HttpLoad } from './http-load.ts'

/** CPU milliseconds of a prediction. */
export interface CasePoint {
  readonly featureCount: number
  readonly cpuMs: {
    readonly predict: number
    readonly native: number
    readonly original: number
    readonly fast?: number
  }
}

const contenders = [
  { key: 'predict', name: 'EIServer.predict', color: '#bc4c00', isDashed: false },
  { key: 'native', name: 'its native code', color: '#bc4c00', isDashed: true },
  { key: 'original', name: 'ours, original mode', color: '#0969da', isDashed: false },
  { key: 'fast', name: 'ours, fast mode', color: '#1a7f37', isDashed: false },
] as const

/** CPU time against the number of features, and memory against the number of requests. */
export function encryptedChart(cases: readonly CasePoint[], loads: readonly HttpLoad[]): string {
  return svgChart({
    title: 'Scores of encrypted features: CPU time of a prediction, and memory of the app',
    xLabel: 'features (10 classes; 3 of the widest)',
    yLabel: 'CPU ms a prediction',
    panels: [timePanel(cases), memoryPanel(loads)],
  })
}

function timePanel(cases: readonly CasePoint[]): Panel {
  const series = contenders.map(({ key, ...look }): Series => {
    const points = cases.flatMap(({ featureCount, cpuMs }) => {
      const y = cpuMs[key]
      return y === undefined ? [] : [{ x: featureCount, y }]
    })
    return { ...look, points }
  })
  return { title: 'CPU time', series, marks: [] }
}

function memoryPanel(loads: readonly HttpLoad[]): Panel {
  const series = loads.map(({ mode, memory }): Series => {
    const look = contenders.find(({ key }) => key === mode) ?? contenders[0]
    const points = memory.map(({ requests, residentMb }) => ({ x: requests, y: residentMb }))
    return { name: look.name, color: look.color, isDashed: false, points }
  })
  return { title: 'Memory over HTTP', xLabel: 'requests', yLabel: 'resident memory, MiB', series, marks: [] }
}
