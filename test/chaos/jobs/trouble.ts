import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import type { Hosts } from './hosts.ts'
import type { StorageProcess } from './storage-process.ts'

export interface TroubleContext {
  readonly hosts: Hosts
  readonly storageProcess: StorageProcess
  /** Share of storage calls that fail, 0 to 1. */
  setFaultRate(rate: number): void
}

const blowKinds = [
  ...(['host', 'host', 'host', 'host', 'host', 'host', 'supervisor'] as const),
  ...(['thread', 'thread', 'thread', 'pause', 'pause', 'storage', 'storage'] as const),
]

/** Processes and threads die, or stand still, and calls of the storage fail, for some seconds. */
export async function makeTrouble(dice: Dice, { hosts, storageProcess, setFaultRate }: TroubleContext): Promise<void> {
  setFaultRate(dice.oneOf([0, 0, 0.02, 0.1, 0.25]))
  for (const kind of chooseBlows(dice)) {
    await delay(dice.from(0, 1000))
    if (kind === 'pause') await hosts.pause(dice, dice.from(200, 5000))
    else if (kind === 'storage') await storageProcess.kill(dice.from(0, 1000))
    else if (kind === 'thread') hosts.endThread(dice)
    else hosts.kill(dice, kind)
  }
  await delay(dice.from(0, 1000))
  setFaultRate(0)
}

/** At most one of those that take long, so that a round is short. */
function chooseBlows(dice: Dice): (typeof blowKinds)[number][] {
  const kinds = Array.from({ length: dice.from(0, 5) }, () => dice.oneOf(blowKinds))
  const isLong = (kind: (typeof blowKinds)[number]) => kind === 'pause' || kind === 'storage'
  const first = kinds.findIndex(isLong)
  return kinds.map((kind, at) => (isLong(kind) && at !== first ? 'thread' : kind))
}
