import assert from 'node:assert/strict'

/** Collects the output and answers of an app, and checks that no secret appears in them. */
export class SecretWatch {
  readonly #secrets = new Set<string>()
  readonly #texts: { readonly where: string; readonly text: string }[] = []

  /** @param secret  any key or token that went in, right or wrong; returned as it is */
  used<T extends string>(secret: T): T {
    this.#secrets.add(secret)
    return secret
  }

  seen(where: string, text: string): void {
    this.#texts.push({ where, text })
  }

  /** Sends a request and keeps the whole answer, headers too. */
  async fetch(url: string, init?: RequestInit): Promise<{ status: number; headers: Headers; body: string }> {
    const answer = await fetch(url, init)
    const body = await answer.text()
    this.seen(`${init?.method ?? 'GET'} ${new URL(url).pathname}`, `${JSON.stringify([...answer.headers])}\n${body}`)
    return { status: answer.status, headers: answer.headers, body }
  }

  assertNothingLeaked(): void {
    assert.ok(this.#secrets.size > 0 && this.#texts.length > 0, 'nothing was watched')
    for (const secret of this.#secrets) {
      for (const form of formsOf(secret)) {
        const leak = this.#texts.find(({ text }) => text.toLowerCase().includes(form.toLowerCase()))
        assert.equal(leak?.where, undefined, `a secret shows up in: ${leak?.where}`)
      }
    }
  }
}

/** As it is, and as it looks after what programs do to texts that they print. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  // Within a longer text, base64 depends on where the secret begins; the middle of each of three is always there.
  const shifted = [0, 1, 2].map(lead => {
    const text = Buffer.concat([Buffer.alloc(lead), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    return text.slice(lead === 0 ? 0 : lead + 1, -1)
  })
  // A log that shows the begin of a key, to tell which one it was, shows too much of it.
  const begin = secret.length >= 32 ? [secret.slice(0, 16)] : []
  return [...new Set([secret, encodeURIComponent(secret), bytes.toString('hex'), ...begin, ...shifted])]
}
