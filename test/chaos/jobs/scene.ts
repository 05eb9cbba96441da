/** What all rounds of a run share: a storage, hosts over it, and who takes their events. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cleaner } from '../../support/cleaner.ts'
import { copyOfApp } from '../../support/running-app.ts'
import { makeServices } from '../../support/service-folder.ts'
import { type FaultyStorage, startFaultyStorage } from '../faulty-storage.ts'
import type { AftermathContext } from './aftermath.ts'
import { Dice } from './dice.ts'
import { EventReceiver } from './event-receiver.ts'
import { Hosts } from './hosts.ts'
import { scoreRows } from './rows.ts'
import { chaosServices, watchingServices } from './services.ts'
import { StorageProcess } from './storage-process.ts'
import { TrueStorage } from './true-storage.ts'

/** So that a killed process costs seconds, not the ten minutes and the one minute of Azure. */
const hastyTimes = {
  SCORING_HOST_QUEUE_INVISIBILITY_MS: '4000',
  SCORING_HOST_QUEUE_MAX_POLLING_MS: '300',
  SCORING_JOB_SWEEP: '*/2 * * * * *',
  SCORING_JOB_STALL_MS: '3000',
}

export interface SceneOptions {
  readonly seed: number
  readonly hostCount: number
  /** An empty folder for its files, which the caller removes. */
  readonly folder: string
}

export interface Scene extends AftermathContext {
  readonly faulty: FaultyStorage
  /** Folder of the app that the hosts run. */
  readonly appRoot: string
}

/** @param test  ends what was started */
export async function setScene({ seed, hostCount, folder }: SceneOptions, test: Cleaner): Promise<Scene> {
  const storageProcess = new StorageProcess(join(folder, 'azurite'))
  test.onTestFinished(() => storageProcess.stop())
  await storageProcess.start()
  const faulty = await startFaultyStorage(storageProcess.connectionString, seed)
  test.onTestFinished(() => faulty.stop())
  const storage = new TrueStorage(storageProcess.connectionString)
  await storage.makeContainers('input', 'output', 'jobs', 'inbox', 'watched')
  const receiver = new EventReceiver(storage)
  await receiver.listen(new Dice(seed), test)
  const appRoot = await copyOfApp(test)
  await shortenRetries(appRoot)
  const hosts = new Hosts({
    count: hostCount,
    appRoot,
    environment: {
      SCORING_MODELS: await makeServices({ ...chaosServices, ...watchingServices }, test),
      AzureWebJobsStorage: faulty.connectionString,
      CHAOS_SEED: String(seed),
      ...hastyTimes,
      ...receiver.environment,
    },
  })
  test.onTestFinished(async () => void (await hosts.stop()))
  await hosts.start()
  return {
    ...{ hosts, storage, storageProcess, receiver, faulty, appRoot },
    known: await scoreRows(seed),
    eventUrl: receiver.url,
    setFaultRate: rate => faulty.setRate(rate),
    addDays: days => faulty.addDays(days),
  }
}

/** A message whose step has failed comes back after a second. */
async function shortenRetries(appRoot: string): Promise<void> {
  const file = join(appRoot, 'host.json')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('"visibilityTimeout": "00:00:30"', '"visibilityTimeout": "00:00:01"'))
}
