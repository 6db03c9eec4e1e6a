// A relying party: one client app at one tenant, as openid-client plays it with
// all checks on, and the way of its user through the sign-in.
import assert from 'node:assert/strict'
import * as client from 'openid-client'

import { Browser } from './browser.mjs'
import { apps, password } from './sample.mjs'

/** discover is a client app's openid-client configuration. */
export async function discover(world, { tenant = 'acme', app = 'expenses', auth, metadata = {} } = {}) {
  auth ??= authOf(world, app)
  const config = await client.discovery(world.issuer(tenant), app, metadata, auth)
  // Else the library trusts TLS alone for what comes straight from the token endpoint.
  client.enableNonRepudiationChecks(config)
  return config
}

function authOf({ secrets, key }, app) {
  switch (app) {
    case 'payroll': return client.ClientSecretPost(secrets.payroll)
    case 'vault': return client.PrivateKeyJwt(key)
    case 'phone': return client.None()
  }
  return client.ClientSecretBasic(secrets[app])
}

/** begin makes an authorization request, and what its answer must be held against. */
export async function begin(config, extra = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true }
  if (extra.max_age !== undefined) checks.maxAge = Number(extra.max_age)
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: apps.callback, scope: 'openid profile email offline_access', state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...extra,
  })
  return { url, checks }
}

/** redeem changes the answer, as the browser brought it, for tokens. */
export async function redeem(config, answer, checks) {
  const tokens = await client.authorizationCodeGrant(config, answer.method === 'POST' ? answer.clone() : new URL(answer.url), checks)
  await checkAtHash(tokens)
  return tokens
}

/** checkAtHash is Core §3.1.3.6: the one check that openid-client leaves out. */
export async function checkAtHash({ access_token: token, id_token: idToken }) {
  const header = JSON.parse(Buffer.from(idToken.split('.')[0], 'base64url'))
  const { at_hash: hash } = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'))
  assert.match(header.alg, /^(RS|ES)256$/)
  const sum = await crypto.subtle.digest('SHA-256', Buffer.from(token))
  assert.equal(hash, Buffer.from(sum).subarray(0, 16).toString('base64url'), 'at_hash')
}

/** Visit is a person at a browser of the world's site. */
export class Visit {
  constructor(world, person = world.person()) {
    this.world = world
    this.person = person
    this.browser = new Browser(world.url)
    this.asked = []
  }

  /** signIn goes from the app's request to its answer, giving all that is asked. */
  async signIn({ url }) {
    return this.go(await this.browser.get(url))
  }

  /** go answers pages until the browser is sent to the app; returns that request. */
  async go(page) {
    this.asked = []
    for (let step = 0; step < 5 && !page.left; step++) {
      const [form] = page.forms
      assert.ok(page.status === 200 && form, `no way on from ${page.url}: ${page.status}\n${page.html}`)
      page = await this.#answer(page, form)
    }
    assert.ok(page.left, `still no answer to the app at ${page.url}`)
    return page.left
  }

  #answer(page, form) {
    if (new URL(form.action).origin !== this.browser.site) return this.browser.submit(form) // form_post, which asks nothing
    if ('username' in form.fields) return this.name(page)
    if ('code' in form.fields) return this.#code(page, form)
    throw new Error(`unknown form at ${page.url}\n${page.html}`)
  }

  /** name gives name and password, and returns what follows. */
  name(page) {
    this.asked.push('password')
    return this.browser.submit(page.forms[0], { username: this.person.name, password })
  }

  async #code(page, form) {
    const bySMS = page.html.includes('Code by SMS')
    this.asked.push(bySMS ? 'sms' : 'mail')
    return this.browser.submit(form, { code: await this.world.inbox.code(bySMS ? this.person.phone : this.person.email) })
  }
}

/** signedIn is the usual beginning of a test: a party, its visitor and his tokens. */
export async function signedIn(world, options = {}, extra = {}) {
  const config = await discover(world, options)
  const visit = new Visit(world)
  const request = await begin(config, extra)
  const tokens = await redeem(config, await visit.signIn(request), request.checks)
  return { config, visit, tokens, claims: tokens.claims() }
}

/** again asks for one more sign-in in the same browser. */
export async function again(config, visit, extra = {}) {
  const request = await begin(config, extra)
  const tokens = await redeem(config, await visit.signIn(request), request.checks)
  return { tokens, claims: tokens.claims() }
}

/** silent asks with prompt=none and returns the answer, or the error as the library tells it. */
export async function silent(config, visit, extra = {}) {
  const request = await begin(config, { prompt: 'none', ...extra })
  const { left } = await visit.browser.get(request.url)
  assert.ok(left, 'prompt=none showed a page')
  return redeem(config, left, request.checks)
}
