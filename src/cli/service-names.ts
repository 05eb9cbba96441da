import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { StartupError } from '../errors.ts'

/**
 * Names the services that a command is to work on.
 *
 * @param folder  of services
 * @param given  names; none: all services
 * @throws StartupError when there is no such service, or none at all
 */
export async function listServiceNames(folder: string, given: readonly string[]): Promise<readonly string[]> {
  const known = await new FolderModelStore(folder).listServices()
  if (known.length === 0)
    throw new StartupError(
      `no service in ${folder}: a service is a folder with a service.json; "npx scoring add model.onnx" makes one`,
    )
  const unknown = given.find(name => !known.includes(name))
  if (unknown !== undefined)
    throw new StartupError(`no service "${unknown}" in ${folder}; there are: ${known.join(', ')}`)
  return given.length > 0 ? given : known
}
