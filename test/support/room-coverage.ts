import { relative, sep } from 'node:path'
import type { Reporter } from 'vitest/node'

/** The part of Istanbul's coverage map that is read here. */
interface CoverageMap {
  files(): string[]
  fileCoverageFor(file: string): { toSummary(): { lines: { covered: number; total: number } } }
}

/** Prints the covered lines of each room: a folder under `src/`, and `functions/`. */
export class RoomCoverageReporter implements Reporter {
  onCoverage(coverage: unknown): void {
    const map = coverage as CoverageMap
    const rooms = Map.groupBy(map.files(), file => {
      const [first, second] = relative(process.cwd(), file).split(sep)
      return first === 'src' && !second?.endsWith('.ts') ? `${first}/${second}` : first
    })
    for (const [room, files] of [...rooms].sort()) {
      const lines = files.map(file => map.fileCoverageFor(file).toSummary().lines)
      const covered = lines.reduce((sum, each) => sum + each.covered, 0)
      const total = lines.reduce((sum, each) => sum + each.total, 0)
      console.log(`${String(room).padEnd(18)} ${((100 * covered) / total).toFixed(1).padStart(5)} % of ${total} lines`)
    }
  }
}
