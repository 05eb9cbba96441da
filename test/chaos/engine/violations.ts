import type { Endurance } from './endurance.ts'

/** Share of the unpoisoned requests that must be answered: a queue may be full for a moment, a service may load again. */
const leastRight = 0.9
/** Memory at the end, by that after the first tenth of the time. */
const mostGrowth = 1.2
/** Pipes, sockets and the like that come and go beside those of scoring threads, which have at most so many each. */
const spareFiles = { fixed: 16, perThread: 8 }

/**
 * What does not hold.
 *
 * @param isLong  the run was long enough for memory to settle first
 */
export function violationsOf({ counts, kills, answered, warm, end }: Endurance, isLong: boolean): string[] {
  const { sent, right, misjudged, late, poisoned, wrong } = counts
  const refused = Object.values(counts.refused).reduce((sum, count) => sum + count, 0)
  const found = [...wrong]
  const settled = right + misjudged + refused + late + poisoned + wrong.length
  if (settled !== sent) found.push(`${sent} requests were sent, ${settled} came back`)
  if (answered !== sent) found.push(`${sent} requests were sent, the app answered ${answered}`)
  if (misjudged > kills)
    found.push(`${misjudged} unpoisoned requests failed; ${kills} threads were ended, at one request each`)
  const unpoisoned = sent - poisoned
  if (right < leastRight * unpoisoned) found.push(`${right} of ${unpoisoned} unpoisoned requests got their answer`)
  if (kills === 0 || poisoned === 0) found.push(`${kills} threads were ended and ${poisoned} requests did so: too few`)
  if (!warm || !end) return found
  if (end.otherThreads > warm.otherThreads) found.push(`threads grew: ${warm.otherThreads} to ${end.otherThreads}`)
  const moreScoring = Math.max(0, end.scoringThreads - warm.scoringThreads)
  const spare = spareFiles.fixed + spareFiles.perThread * moreScoring
  if (end.openFiles > warm.openFiles + spare) found.push(`open files grew: ${warm.openFiles} to ${end.openFiles}`)
  if (isLong && end.memoryMb > mostGrowth * warm.memoryMb)
    found.push(`memory grew: ${warm.memoryMb} to ${end.memoryMb} MiB`)
  return found
}
