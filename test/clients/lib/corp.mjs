// Another OpenID Provider for users to sign in at: oidc-provider on loopback, whose
// users are signed in without a question.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'

import { listen } from './mail.mjs'
import { Skip } from './tap.mjs'

export class Corp {
  /** people are who may come, by sub: claims, and amr of their sign-in. */
  people = new Map()
  #down = (req, res) => res.writeHead(503).end()
  #answer = this.#down
  #serve // once it is known who its client is

  async listen() {
    this.server = createServer((req, res) => this.#answer(req, res))
    this.issuer = `http://127.0.0.1:${await listen(this.server)}`
  }

  /** open serves a provider that knows one client. */
  async open(client) {
    if (!this.#serve) {
      const provider = await this.#provider(client)
      const serve = provider.callback()
      this.#serve = (req, res) => {
        if (!req.url.startsWith('/interaction/')) return serve(req, res)
        this.#interact(provider, req, res).catch(e => res.writeHead(500).end(String(e.stack)))
      }
    }
    this.#answer = this.#serve
  }

  /** close makes it answer nothing but that it is down. */
  close() {
    this.#answer = this.#down
  }

  async #provider(client) {
    let library
    try {
      library = await import('oidc-provider')
    } catch (e) {
      if (process.env.CI === 'true' || process.env.TWOFOLD_TEST_REQUIRE === '1') throw e
      throw new Skip(`oidc-provider does not run on Node ${process.versions.node}`)
    }
    return new library.Provider(this.issuer, {
      clients: [client],
      claims: { openid: ['sub', 'amr'], profile: ['name'], email: ['email', 'email_verified'] },
      conformIdTokenClaims: true, // profile claims come by userinfo
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      pkce: { required: () => true },
      ttl: { AccessToken: 600, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
      cookies: { keys: ['for tests'] },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...this.people.get(sub)?.claims }) }),
    })
  }

  /** #interact signs in who is there, and lets the client have what it asks for. */
  async #interact(provider, req, res) {
    const { prompt, params, session } = await provider.interactionDetails(req, res)
    if (prompt.name === 'login') {
      assert.ok(this.next, 'nobody is there')
      return provider.interactionFinished(req, res, this.next.denies
        ? { error: 'access_denied', error_description: 'not today' }
        : { login: { accountId: this.next.sub, amr: this.people.get(this.next.sub)?.amr } })
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true })
  }
}
