/** `node burn-cpu.ts <share>`: keeps a processor busy for that part of each 10 ms, until it is killed. */
const share = Number(process.argv[2])
const periodMs = 10

for (let begin = performance.now(); ; begin += periodMs) {
  const end = begin + share * periodMs
  while (performance.now() < end);
  const rest = new Int32Array(new SharedArrayBuffer(4))
  Atomics.wait(rest, 0, 0, Math.max(0, begin + periodMs - performance.now()))
}
