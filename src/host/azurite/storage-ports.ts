/** Chooses the ports of local storage, so that they are the same at every start of a project. */
import { readFile, writeFile } from 'node:fs/promises'
import { isPortFree } from '../free-port.ts'

/** Ports of blobs, queues and tables. */
export type StoragePorts = readonly [blob: number, queue: number, table: number]

/** Azurite's own ports, which `UseDevelopmentStorage=true` stands for everywhere. */
export const wellKnownPorts: StoragePorts = [10_000, 10_001, 10_002]
/** Any free ports. */
export const freePorts: StoragePorts = [0, 0, 0]

/**
 * Lists the ports to try, the best first: the well-known ones, those of the last start, any free ones. Ports that another
 * program uses are left out, because what listens there may be the storage of another project.
 *
 * @param file       that holds the connection string of the last start
 * @param wellKnown  the first choice
 */
export async function listPorts(file: string, wellKnown = wellKnownPorts): Promise<StoragePorts[]> {
  const last = parsePorts(await readFile(file, 'utf8').catch(() => ''))
  const wishes = last ? [wellKnown, last] : [wellKnown]
  const areFree = await Promise.all(
    wishes.map(async ports => (await Promise.all(ports.map(isPortFree))).every(Boolean)),
  )
  return [...wishes.filter((_, index) => areFree[index]), freePorts]
}

/** Keeps the connection string for the next start, and for the user's programs. Without the file all else works. */
export async function keepConnectionString(file: string, connectionString: string): Promise<void> {
  await writeFile(file, `${connectionString}\n`).catch(() => {})
}

function parsePorts(connectionString: string): StoragePorts | undefined {
  const ports = ['Blob', 'Queue', 'Table'].map(each =>
    Number(new RegExp(`${each}Endpoint=http://127\\.0\\.0\\.1:(\\d{1,5})/`).exec(connectionString)?.[1]),
  )
  const [blob, queue, table] = ports
  const isPort = (port: number | undefined): port is number => port !== undefined && port > 0 && port < 65_536
  return isPort(blob) && isPort(queue) && isPort(table) ? [blob, queue, table] : undefined
}
