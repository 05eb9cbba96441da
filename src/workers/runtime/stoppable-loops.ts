import { setFlagsFromString } from 'node:v8'

/**
 * V8 13 drops the interrupt check from some loops (`for (;;) list.push(new Array(9).fill(0))`), and no thread in such a
 * loop can be ended, nor does its heap limit work. The phase that does it is loop unrolling; its gain is small.
 *
 * To be called before code of a service's owner runs, and not sooner: a changed flag makes V8 refuse the compiled code
 * that Node.js carries of its own modules, and each thread that starts from then on needs 60 ms more.
 */
export function keepLoopsStoppable(): void {
  if (Number.parseInt(process.versions.v8, 10) >= 13) setFlagsFromString('--no-turboshaft-loop-unrolling')
}
