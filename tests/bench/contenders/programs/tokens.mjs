// Client credentials with fetch: one token, kept for nine tenths of its life, fetched once for all who wait.

export class Tokens {
  #value = ''
  #until = 0 // milliseconds of performance.now()
  #flight = null

  constructor({ token_url, client_id, client_secret }) {
    this.url = token_url
    this.client = Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString('base64')
  }

  /** The token at hand, or undefined. */
  get held() {
    return performance.now() < this.#until ? this.#value : undefined
  }

  /** A promise of a token. */
  fetched() {
    this.#flight ??= this.#fetch().finally(() => { this.#flight = null })
    return this.#flight
  }

  async #fetch() {
    const asked = performance.now()
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: { authorization: `Basic ${this.client}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' })
    })
    if (!answer.ok) throw new Error(`token endpoint: ${answer.status}`)
    const { access_token: token, expires_in: seconds } = await answer.json()
    this.#until = asked + seconds * 900
    this.#value = token
    return token
  }
}
