import { app, type EventGridEvent } from '@azure/functions'
import { changedSecret } from '../src/auth/vault-events.ts'
import { startedApp } from '../src/compose/app.ts'

/**
 * Optional: without a subscription of this function to the vault's events, a new key is accepted on its first use. Useful where it runs
 * beside HTTP, on the plans Premium and Dedicated. On Flex Consumption it has instances of its own, and is not subscribed.
 */
app.eventGrid('key-rotated', {
  handler: async (event: EventGridEvent): Promise<void> => {
    const { settings, keysChanged } = await startedApp()
    const secret = settings.keyVaultUrl && changedSecret(event, settings.keyVaultUrl)
    if (secret) keysChanged(secret)
  },
})
