import { memoryBytes } from './memory.ts'

/** An instance of 2 GB has a little less. */
const leastBytes = 1.5 * 2 ** 30
/** From so much memory on, garbage may take a hundred MiB more. */
const plentyBytes = 3.5 * 2 ** 30
const ballastBytes = 64 * 2 ** 20
let takesFlag: boolean | undefined
/** Of this thread. */
const ballast: ArrayBuffer[] = []

/**
 * Lets V8 collect garbage when heap and buffers together have grown by about half. Otherwise it marks the whole heap for every
 * 64 MiB of buffers, which large bodies and batch jobs take within a moment: that is a third of their processor time. It takes some
 * hundred MiB, so instances of less than 2 GB go without.
 *
 * To be called when these come, and not sooner: a changed flag makes V8 refuse the compiled code that Node.js carries of
 * its own modules, and each thread that starts from then on needs 60 ms more. V8 12 has no such flag, and prints that.
 */
export function countBuffersWithHeap(): void {
  takesFlag ??= Number.parseInt(process.versions.v8, 10) === 13 && memoryBytes() >= leastBytes
  if (takesFlag) process.getBuiltinModule('node:v8').setFlagsFromString('--external-memory-accounted-in-global-limit')
}

/**
 * As `countBuffersWithHeap`, for a thread with a small heap and many buffers: by itself V8 would mark it for every 30 MiB of these. Memory that
 * is never touched, and so takes none of the machine's, makes the heap larger by its count: that of the jobs is marked twice in a million
 * rows instead of seven times.
 */
export function countBuffersWithBallast(): void {
  countBuffersWithHeap()
  if (takesFlag && memoryBytes() >= plentyBytes && ballast.length === 0) ballast.push(new ArrayBuffer(ballastBytes))
}
