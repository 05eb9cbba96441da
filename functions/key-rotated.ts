import { app, type EventGridEvent } from '@azure/functions'
import { changedSecret } from '../src/auth/vault-events.ts'
import { startedApp } from '../src/compose/app.ts'

/** Sugar: without a subscription of the vault's events to this function, a new key counts when it is first used. */
app.eventGrid('key-rotated', {
  handler: async (event: EventGridEvent): Promise<void> => {
    const { settings, keysChanged } = await startedApp()
    const secret = settings.keyVaultUrl && changedSecret(event, settings.keyVaultUrl)
    if (secret) keysChanged(secret)
  },
})
