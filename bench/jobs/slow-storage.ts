import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface SlowStorage {
  readonly connectionString: string
  stop(): void
}

/**
 * The same storage behind a network: what a client sends arrives later, so that each call takes that much longer.
 *
 * @param connectionString  of a storage on this machine
 */
export async function slowStorage(connectionString: string, delayMs: number): Promise<SlowStorage> {
  const servers: Server[] = []
  let slow = connectionString
  for (const [address, port] of connectionString.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)) {
    const server = createServer(client => relay(client, Number(port), delayMs))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    slow = slow.replace(address, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    servers.push(server)
  }
  const stop = () => {
    for (const server of servers) server.close()
  }
  return { connectionString: slow, stop }
}

function relay(client: Socket, port: number, delayMs: number): void {
  const storage = connect(port, '127.0.0.1')
  const end = () => {
    client.destroy()
    storage.destroy()
  }
  for (const socket of [client, storage]) {
    socket.setNoDelay()
    socket.on('error', end).on('close', end)
  }
  client.on('data', bytes => setTimeout(() => storage.writable && storage.write(bytes), delayMs))
  storage.on('data', bytes => client.write(bytes))
}
