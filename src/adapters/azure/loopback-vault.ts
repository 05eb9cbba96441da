import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Agent } from 'node:https'
import { StartupError } from '../../errors.ts'
import type { VaultAddress } from './vault-url.ts'

/** What a stand-in for a vault needs from its client. */
export interface LoopbackSettings {
  /** `SCORING_KEY_VAULT_TEST_CA`: file with the certificate (PEM) that it shows */
  readonly testCaFile?: string | undefined
  /** `SCORING_KEY_VAULT_TEST_TOKEN`: sent in place of a token of Azure */
  readonly testToken?: string | undefined
}

/** How the client of a stand-in differs from the client of a vault. */
interface LoopbackVault {
  readonly token: string
  readonly options: {
    readonly agent: Agent
    readonly disableChallengeResourceVerification: true
  }
}

/**
 * The one place where the client is relaxed: another certificate, any resource in the challenge, a token that is not
 * Azure's. For a stand-in on this machine all of it is needed, and for any other vault none of it is possible.
 *
 * @throws StartupError when a real vault comes with one of the settings, or a stand-in without
 */
export function loopbackVault(address: VaultAddress, settings: LoopbackSettings): LoopbackVault | undefined {
  const { testCaFile, testToken } = settings
  if (!address.isLoopback) {
    if (testCaFile !== undefined || testToken !== undefined) {
      throw new StartupError(
        `SCORING_KEY_VAULT_TEST_CA and SCORING_KEY_VAULT_TEST_TOKEN are for a vault on localhost, KEY_VAULT_URL names ${address.host}: remove them`,
      )
    }
    return undefined
  }
  if (!testCaFile || !testToken) {
    throw new StartupError(
      `KEY_VAULT_URL names this machine (${address.host}), where only tests have a vault: they set SCORING_KEY_VAULT_TEST_CA and SCORING_KEY_VAULT_TEST_TOKEN as well`,
    )
  }
  return {
    token: testToken,
    // An agent of its own also keeps a proxy of the environment out of the way.
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
