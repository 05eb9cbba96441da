import type { Dice } from './dice.ts'
import { type JobMaker, makeJob } from './job-maker.ts'
import { type FinishedJob, type JobContext, runJob } from './job-run.ts'
import { makeTrouble, type TroubleContext } from './trouble.ts'
import { makeWatchedFile, runWatchedFile, type WatchedFile } from './watched-file.ts'

export type RoundContext = JobContext & TroubleContext & JobMaker

export interface FinishedRound {
  readonly jobs: readonly FinishedJob[]
  readonly watched: readonly WatchedFile[]
  /** What was promised and did not hold. */
  readonly faults: readonly string[]
}

/** Some jobs at once, while processes die and storage fails; then quiet, until all have ended. */
export async function runRound(round: string, dice: Dice, context: RoundContext): Promise<FinishedRound> {
  const jobs = Array.from({ length: dice.from(1, 4) }, (_, at) => makeJob(dice.fork(), `${round}-${at}`, context))
  const watched = Array.from({ length: dice.oneOf([0, 1, 2]) }, (_, at) =>
    makeWatchedFile(dice.fork(), `${round}-w${at}`),
  )
  const [finished, ofWatched] = await Promise.all([
    Promise.all(jobs.map(job => runJob(job, dice.fork(), context))),
    Promise.all(watched.map(file => runWatchedFile(file, dice.fork(), context))),
    makeTrouble(dice.fork(), context),
  ])
  const ofJobs = finished.flatMap(({ job, faults }) =>
    faults.map(
      fault => `${job.jobId}: ${fault}; its submission: ${JSON.stringify(job.submission)}, mishap: ${job.mishap}`,
    ),
  )
  return { jobs: finished, watched, faults: [...ofJobs, ...ofWatched.flat()] }
}
