import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Agent } from 'node:https'
import { StartupError } from '../../errors.ts'
import type { VaultAddress } from './vault-url.ts'

/** Settings for a test double of a vault. */
export interface LoopbackSettings {
  /** `SCORING_KEY_VAULT_TEST_CA`: file with its certificate (PEM) */
  readonly testCaFile?: string | undefined
  /** `SCORING_KEY_VAULT_TEST_TOKEN`: token to send instead of one from Entra ID */
  readonly testToken?: string | undefined
}

/** Options that the client of a test double needs. */
interface LoopbackVault {
  readonly token: string
  readonly options: {
    readonly agent: Agent
    readonly disableChallengeResourceVerification: true
  }
}

/**
 * Relaxes the client for a test double on this machine: its own certificate, any resource in the challenge, a fixed token.
 * None of this is possible for any other vault.
 *
 * @throws StartupError when the settings are given for a real vault, or missing for a test double
 */
export function loopbackVault(address: VaultAddress, settings: LoopbackSettings): LoopbackVault | undefined {
  const { testCaFile, testToken } = settings
  if (!address.isLoopback) {
    if (testCaFile !== undefined || testToken !== undefined) {
      throw new StartupError(
        `SCORING_KEY_VAULT_TEST_CA and SCORING_KEY_VAULT_TEST_TOKEN are only for a vault on localhost, but KEY_VAULT_URL names ${address.host}: remove them`,
      )
    }
    return undefined
  }
  if (!testCaFile || !testToken) {
    throw new StartupError(
      `KEY_VAULT_URL names this machine (${address.host}), which is only for tests: set SCORING_KEY_VAULT_TEST_CA and SCORING_KEY_VAULT_TEST_TOKEN too`,
    )
  }
  return {
    token: testToken,
    // With an agent of its own the client ignores proxy settings of the environment.
    options: {
      agent: new (process.getBuiltinModule('node:https').Agent)({ keepAlive: true, ca: readCertificate(testCaFile) }),
      disableChallengeResourceVerification: true,
    },
  }
}

function readCertificate(path: string): string {
  try {
    return new X509Certificate(readFileSync(path)).toString()
  } catch (cause) {
    throw new StartupError(
      `SCORING_KEY_VAULT_TEST_CA must be a file with a certificate (PEM): ${(cause as Error).message}`,
    )
  }
}
