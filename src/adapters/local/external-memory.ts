/**
 * Lets V8 collect garbage when heap and buffers together have grown by about half. Otherwise it marks the whole heap for every
 * 64 MiB of buffers, which large bodies and batch jobs take within a moment: that is a third of their processor time.
 *
 * To be called when these come, and not sooner: a changed flag makes V8 refuse the compiled code that Node.js carries of
 * its own modules, and each thread that starts from then on needs 60 ms more. V8 12 has no such flag, and prints that.
 */
export function countBuffersWithHeap(): void {
  if (Number.parseInt(process.versions.v8, 10) !== 13) return
  process.getBuiltinModule('node:v8').setFlagsFromString('--external-memory-accounted-in-global-limit')
}
