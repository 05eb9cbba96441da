/** Chooses the ports of local storage, so that they are the same at every start of a project. */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'

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

/** Whether nothing on this machine listens on a port. */
export async function isPortFree(port: number): Promise<boolean> {
  // On some systems one can listen on 127.0.0.1 beside a program that listens on all addresses.
  return !(await isAnswered(port)) && (await canListen(port))
}

async function isAnswered(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
