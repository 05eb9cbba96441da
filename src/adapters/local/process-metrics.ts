import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { type MetricFamily, ObservedFamily } from '../../telemetry/metric.ts'

const none = {}
const delayResolutionMs = 20
const perNanosecond = 1e-9

/**
 * Measures what the process uses, under the names of Prometheus' own clients (`process_…`) and OpenTelemetry's conventions
 * for Node.js (`nodejs.eventloop.…`). The event loop's delay is that since the previous page of metrics.
 */
export function observeProcess(): MetricFamily[] {
  const delays = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delays.enable()
  const startedAt = (Date.now() - process.uptime() * 1000) / 1000
  const gauge = (name: string, unit: string, help: string, value: () => number) =>
    new ObservedFamily({ kind: 'gauge', name, unit, help }, () => [{ attributes: none, value: value() }])
  return [
    new ObservedFamily(
      { kind: 'counter', name: 'process.cpu', unit: 's', help: 'CPU time of all threads, user and system.' },
      () => [{ attributes: none, value: cpuSeconds() }],
    ),
    gauge('process.resident_memory', 'By', 'Memory of the process in RAM.', () => process.memoryUsage.rss()),
    gauge('process.start_time', 's', 'When the process started, since 1970.', () => startedAt),
    new ObservedFamily(
      { kind: 'counter', name: 'nodejs.eventloop.time', unit: 's', help: 'What the event loop did with its time.' },
      () => {
        const { active, idle } = performance.eventLoopUtilization()
        return [
          { attributes: { 'nodejs.eventloop.state': 'active' }, value: active / 1000 },
          { attributes: { 'nodejs.eventloop.state': 'idle' }, value: idle / 1000 },
        ]
      },
    ),
    gauge('nodejs.eventloop.delay.p99', 's', 'Event loop delay, 99th percentile since the page before.', () =>
      delays.count === 0 ? 0 : delays.percentile(99) * perNanosecond,
    ),
    gauge('nodejs.eventloop.delay.max', 's', 'Longest event loop delay since the page before.', () => {
      const longest = delays.count === 0 ? 0 : delays.max * perNanosecond
      delays.reset()
      return longest
    }),
  ]
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
