import './telemetry-off.ts'

import { createRequire } from 'node:module'

/** The class behind every session (onnxruntime-node 1.30, `lib/binding.ts`). */
interface NativeSession {
  loadModel(...input: unknown[]): unknown
  run(...input: unknown[]): unknown
}

function nativeModule() {
  return createRequire(import.meta.url)('onnxruntime-node/dist/binding') as {
    binding: { InferenceSession: new () => NativeSession }
    initOrt(): void
  }
}

/** Starts the runtime, with the `logLevel` of its `env`; the first session would do it otherwise. */
export function startRuntime(): void {
  nativeModule().initOrt()
}

/**
 * Calls `enter` before and `leave` after every call that computes inside ONNX Runtime, on the calling thread.
 */
export function guardNativeCalls(enter: () => void, leave: () => void): void {
  const { binding } = nativeModule()
  const guarded = <T>(call: () => T): T => {
    enter()
    try {
      return call()
    } finally {
      leave()
    }
  }
  binding.InferenceSession = class extends binding.InferenceSession {
    override loadModel(...input: unknown[]): unknown {
      return guarded(() => super.loadModel(...input))
    }

    override run(...input: unknown[]): unknown {
      return guarded(() => super.run(...input))
    }
  }
}
