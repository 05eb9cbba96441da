import { type Panel, type Series, svgChart } from '../report/svg-chart.ts'
import { withBatching } from './contenders.ts'
import type { LoadCurve } from './load-sweep.ts'

const colors = { on: '#0969da', off: '#bc4c00' }

/** Latency against load, a panel for each model. */
export function loadChart(curves: readonly LoadCurve[]): string {
  const titles = [...new Set(curves.map(({ title }) => title))]
  return svgChart({
    title: 'Latency against load: open loop, 25, 50, 90 and 400 % of the capacity',
    xLabel: 'requests offered, 1/s',
    yLabel: 'latency of accepted requests, ms',
    panels: titles.map(title => panelOf(curves.filter(curve => curve.title === title))),
  })
}

function panelOf(curves: readonly LoadCurve[]): Panel {
  return {
    title: curves[0]?.title ?? '',
    series: curves.flatMap(curve => [seriesOf(curve, 'p50'), seriesOf(curve, 'p99')]),
    marks: curves.map(curve => ({ x: curve.capacity, color: colorOf(curve), text: 'capacity' })),
  }
}

function seriesOf(curve: LoadCurve, quantile: 'p50' | 'p99'): Series {
  return {
    name: `${curve.server}, ${quantile}`,
    color: colorOf(curve),
    isDashed: quantile === 'p99',
    points: curve.points.flatMap(({ requestsPerSecond, measured }) =>
      measured && Number.isFinite(measured[`${quantile}Ms`])
        ? [{ x: requestsPerSecond, y: measured[`${quantile}Ms`] }]
        : [],
    ),
  }
}

function colorOf({ server }: LoadCurve): string {
  return server === withBatching ? colors.on : colors.off
}
