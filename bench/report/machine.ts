import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'

/** Where a benchmark ran: numbers of different machines do not compare. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly platform: string
  readonly node: string
  readonly onnxruntimeNode: string
}

export function describeMachine(): Machine {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.versions.node,
    onnxruntimeNode: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version,
  }
}

export function machineLine({ cpu, cores, memoryGiB, platform, node, onnxruntimeNode }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}; Node.js ${node}, onnxruntime-node ${onnxruntimeNode}`
}
