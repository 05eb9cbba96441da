import { once } from 'node:events'
import { connect, createServer, type NetConnectOpts } from 'node:net'

/** Whether nothing on this machine listens on a port. */
export async function isPortFree(port: number): Promise<boolean> {
  // On some systems one can listen on 127.0.0.1 beside a program that listens on all addresses.
  return !(await isAnswered({ port, host: '127.0.0.1' })) && (await canListen(port))
}

/** Whether a process listens on an address. */
export async function isAnswered(address: NetConnectOpts): Promise<boolean> {
  const socket = connect(address)
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
