import '../onnxruntime/telemetry-off.ts'

import { closeSync, openSync, readSync } from 'node:fs'
import { arch, cpus, platform } from 'node:os'
import * as ort from 'onnxruntime-node'

/** Changes when entries are written in another way. */
const formatVersion = 3

/** What an optimized graph depends on besides the model and the level: the runtime, and what this processor can do. */
export function machineKey(): string {
  machine ??= [`format ${formatVersion}`, `onnxruntime ${ort.env.versions.node}`, platform(), arch(), processor()].join(
    '\n',
  )
  return machine
}

let machine: string | undefined

/** Model and instruction sets, e.g. whether there is AVX-512, by which the runtime chooses the layout of weights. */
function processor(): string {
  try {
    // The first processor's part: the kernel takes a while to write those of all.
    const buffer = Buffer.alloc(8192)
    const file = openSync('/proc/cpuinfo', 'r')
    const length = readSync(file, buffer)
    closeSync(file)
    const [first = ''] = buffer.toString('latin1', 0, length).split('\n\n')
    const lines = first.split('\n').filter(line => /^(model name|flags|Features|CPU (part|implementer))\s*:/.test(line))
    if (lines.length > 0) return lines.join('\n')
  } catch {
    // Not Linux.
  }
  return cpus()[0]?.model ?? 'unknown'
}
