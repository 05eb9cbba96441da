/** The app on the embedded host under mixed load, while its scoring threads are ended at random. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrometheusPage } from '../../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../../support/running-app.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { ChaosClient, type Counts } from './client.ts'
import { type HostResources, resourcesAtRest } from './host-resources.ts'
import { chaosServices } from './services.ts'
import { aloneRequest, joinedRequest, poisonedRequest, type Source, sampleSources } from './traffic.ts'

export interface Endurance {
  readonly counts: Counts
  /** Threads that were ended from outside. */
  readonly kills: number
  /** Threads that the app had to replace, for whatever reason. */
  readonly restarts: number
  readonly retries: number
  /** Score requests that the app counted. */
  readonly answered: number
  readonly warm: HostResources | undefined
  readonly end: HostResources | undefined
}

const threadsEach = 2
const clients = { diabetes: 4, digits: 3, alone: 4, joined: 6 }
/** Mean pauses, in milliseconds. */
const pauses = { client: 8, kill: 400, poison: 700 }

/**
 * @param warmUpSeconds  the same load and kills, before the host's resources are read for the first time
 * @param isLong  they are read with all threads there, so that memory can be compared
 */
export async function endure(
  test: Parameters<typeof runApp>[0],
  { seconds, warmUpSeconds, seed, isLong }: { seconds: number; warmUpSeconds: number; seed: number; isLong: boolean },
): Promise<Endurance> {
  const random = seededRandom(seed)
  const killer = join(import.meta.dirname, 'thread-killer.ts')
  const app = await runApp(test, await chaosServices(), {
    NODE_OPTIONS: `--import "${killer}" --disable-warning=ExperimentalWarning`,
    CHAOS_SEED: String(seed),
    SCORING_MAX_THREADS: String(threadsEach),
  })
  await app.settled()
  const services = Object.keys(clients)
  const keys = new Map(await Promise.all(services.map(async name => [name, await app.keyOf(name)] as const)))
  const counts: Counts = { sent: 0, right: 0, misjudged: 0, refused: {}, late: 0, poisoned: 0, wrong: [] }
  const sources: Source[] = [
    ...(await sampleSources(app, 'diabetes', clients.diabetes, random)),
    ...(await sampleSources(app, 'digits', clients.digits, random)),
    ...new Array<Source>(clients.alone).fill(aloneRequest),
    ...new Array<Source>(clients.joined).fill(joinedRequest),
  ]
  const before = await countersOf(app)
  const run = async (forSeconds: number) => {
    const load = { app, sources, keys, counts, random }
    await unrest({ ...load, seconds: forSeconds, isCalm: false })
    return !isLong ? resourcesAtRest(app) : atRest(() => unrest({ ...load, seconds: 0.5, isCalm: true }), app)
  }
  const warm = await run(warmUpSeconds)
  const end = await run(seconds - warmUpSeconds)
  const after = await countersOf(app)
  const kills = app.output().split('chaos: ended a thread').length - 1
  return {
    counts,
    kills,
    restarts: after.restarts - before.restarts,
    retries: after.retries - before.retries,
    answered: after.answered - before.answered,
    warm,
    end,
  }
}

/** What the host holds with all the threads that it may have: each has a heap and a session of its own. */
async function atRest(load: () => Promise<void>, app: RunningApp): Promise<HostResources | undefined> {
  const most = threadsEach * Object.keys(clients).length
  let resources = await resourcesAtRest(app)
  for (let tries = 0; resources && resources.scoringThreads < most && tries < 20; tries++) {
    await load()
    resources = await resourcesAtRest(app)
  }
  return resources
}

async function countersOf(app: RunningApp): Promise<{ restarts: number; retries: number; answered: number }> {
  const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
  return {
    restarts: page.totalOf('scoring_thread_restarts_total'),
    retries: page.totalOf('scoring_retries_total'),
    answered: page.totalOf('scoring_requests_total'),
  }
}

interface Unrest {
  readonly app: RunningApp
  readonly sources: readonly Source[]
  readonly keys: ReadonlyMap<string, string>
  readonly counts: Counts
  readonly random: () => number
  readonly seconds: number
  /** Sends no poison, kills no thread and does not pause. */
  readonly isCalm: boolean
}

/** Clients that call, one that poisons, one that kills; ends when all that was sent is answered. */
async function unrest({ app, sources, keys, counts, random, seconds, isCalm }: Unrest): Promise<void> {
  const endsAt = Date.now() + seconds * 1000
  const client = new ChaosClient(app.url, keys, counts)
  const repeat = async (meanPauseMs: number, act: () => unknown) => {
    while (Date.now() < endsAt) {
      await act()
      await sleep(-Math.log(1 - random()) * meanPauseMs)
    }
  }
  await Promise.all([
    ...sources.map(source => repeat(isCalm ? 0 : pauses.client, () => client.send(source()))),
    isCalm || repeat(pauses.poison, () => client.send(poisonedRequest(random))),
    isCalm || repeat(pauses.kill, () => app.process.kill('SIGUSR2')),
  ])
  client.close()
}
