/**
 * Lets V8 collect garbage when heap and buffers together have grown by about half. Otherwise it marks the whole heap for every
 * 64 MiB of buffers, which large bodies and batch jobs take within a moment: that is a third of their processor time. Undefined
 * where V8 has no such flag, and would print that.
 */
export const bufferFlag =
  Number.parseInt(process.versions.v8, 10) === 13 ? '--external-memory-accounted-in-global-limit' : undefined

/**
 * Sets that flag.
 *
 * To be called when large bodies or texts come, and not sooner: a changed flag makes V8 refuse the compiled code that Node.js carries
 * of its own modules, and each thread that starts from then on needs 60 ms more.
 */
export function countBuffersWithHeap(): void {
  if (bufferFlag) process.getBuiltinModule('node:v8').setFlagsFromString(bufferFlag)
}
