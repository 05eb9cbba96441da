import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startStorage } from './azurite-storage.ts'
import type { Cleaner } from './cleaner.ts'
import { startKeyVaultDouble } from './key-vault-double.ts'
import { copyOfApp } from './running-app.ts'

/** Makes a copy of the app whose models are in Azurite and whose keys are in a vault, as `local.settings.json` says. */
export async function makeBlobProject(test: Cleaner) {
  const root = await copyOfApp(test)
  const vault = await startKeyVaultDouble(test)
  const settings = {
    AzureWebJobsStorage: await startStorage(test),
    SCORING_MODELS: 'blob:models',
    SCORING_POLL_MS: '200',
    SCORING_MODEL_CACHE: join(root, '.local/models'),
    ...vault.environment,
  }
  await writeFile(join(root, 'local.settings.json'), JSON.stringify({ Values: settings }))
  return { root, vault, settings }
}
