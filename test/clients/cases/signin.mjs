import assert from 'node:assert/strict'
import * as client from 'openid-client'

import { begin, discover, redeem, signedIn, Visit } from '../lib/party.mjs'
import { caught, refused } from '../lib/refused.mjs'
import { apps } from '../lib/sample.mjs'
import { test } from '../lib/tap.mjs'

const now = () => Date.now() / 1000

test('sign-in: code flow with PKCE, state, nonce, iss and at_hash', async world => {
  const config = await discover(world)
  const visit = new Visit(world)
  const request = await begin(config)
  const answer = await visit.signIn(request)
  assert.deepEqual(visit.asked, ['password', 'mail'])
  assert.deepEqual([...new URL(answer.url).searchParams.keys()].sort(), ['code', 'iss', 'state'])
  const tokens = await redeem(config, answer, request.checks)
  assert.equal(tokens.token_type, 'bearer') // openid-client spells it so
  assert.ok(tokens.expiresIn() > 60 && tokens.refresh_token && tokens.scope.split(' ').includes('openid'), JSON.stringify(tokens))

  const claims = tokens.claims()
  assert.equal(claims.iss, world.issuer('acme').href)
  assert.equal(claims.aud, 'expenses')
  assert.equal(claims.acr, 'urn:twofold:acr:2fa')
  assert.ok(claims.amr.includes('pwd') && !claims.amr.includes('mfa'), `amr ${claims.amr}`) // a mailbox is no second factor in the sense of RFC 8176
  assert.ok(Math.abs(now() - claims.auth_time) < 20 && claims.sid, JSON.stringify(claims))
  assert.equal(claims.email, undefined, 'profile claims come by userinfo')
})

test('sign-in: response_mode=form_post', async world => {
  const config = await discover(world)
  const visit = new Visit(world)
  const request = await begin(config, { response_mode: 'form_post' })
  const answer = await visit.signIn(request)
  assert.equal(answer.method, 'POST')
  assert.equal(answer.url, apps.callback)
  const tokens = await redeem(config, answer, request.checks)
  assert.equal(tokens.claims().acr, 'urn:twofold:acr:2fa')
})

test('sign-in: response_mode=query, asked for by name', async world => {
  const config = await discover(world)
  const request = await begin(config, { response_mode: 'query' })
  const answer = await new Visit(world).signIn(request)
  assert.equal(answer.method, 'GET')
  await redeem(config, answer, request.checks)
})

test('sign-in: an authorization request by POST', async world => {
  const config = await discover(world)
  const visit = new Visit(world)
  const { url, checks } = await begin(config)
  const form = { page: apps.callback, action: url.origin + url.pathname, method: 'POST', fields: Object.fromEntries(url.searchParams), buttons: [] }
  const answer = await visit.go(await visit.browser.submit(form))
  await redeem(config, answer, checks)
})

test('sign-in: ES256, client_secret_post and profile claims in the ID token', async world => {
  const { visit, claims } = await signedIn(world, { app: 'payroll', metadata: { id_token_signed_response_alg: 'ES256' } })
  assert.equal(claims.email, visit.person.email)
  assert.equal(claims.email_verified, true)
  assert.equal(claims.given_name, 'User')
})

test('sign-in: private_key_jwt, and a code by SMS where it is offered', async world => {
  const { visit, claims } = await signedIn(world, { app: 'vault' })
  assert.deepEqual(visit.asked, ['password', 'sms'])
  assert.equal(claims.acr, 'urn:twofold:acr:aal2')
  for (const method of ['pwd', 'sms', 'mfa']) assert.ok(claims.amr.includes(method), `amr ${claims.amr}`)
})

test('sign-in: a public app on this device, whatever its port', async world => {
  const redirect_uri = apps.loopback.replace('127.0.0.1', '127.0.0.1:49152')
  const { tokens } = await signedIn(world, { app: 'phone' }, { redirect_uri })
  assert.ok(tokens.refresh_token)
})

test('sign-in: without state and nonce, answer and ID token have none', async world => {
  const config = await discover(world, { tenant: 'globex' })
  const { url, checks } = await begin(config)
  for (const name of ['state', 'nonce']) url.searchParams.delete(name)
  const { expectedState, expectedNonce, ...others } = checks
  await redeem(config, await new Visit(world).signIn({ url }), others) // openid-client refuses what it did not ask for
})

test('sign-in: without offline_access there is no refresh token', async world => {
  const { tokens } = await signedIn(world, {}, { scope: 'openid' })
  assert.equal(tokens.refresh_token, undefined)
})

test('sign-in: without openid it is plain OAuth, with no ID token and no userinfo', async world => {
  const config = await discover(world, { tenant: 'globex' })
  const { url, checks } = await begin(config, { scope: 'profile' })
  url.searchParams.delete('nonce')
  const answer = await new Visit(world).signIn({ url })
  const { expectedState, pkceCodeVerifier } = checks
  const tokens = await client.authorizationCodeGrant(config, new URL(answer.url), { expectedState, pkceCodeVerifier })
  assert.deepEqual([tokens.id_token, tokens.scope], [undefined, 'profile'])
  await refused(client.fetchUserInfo(config, tokens.access_token, client.skipSubjectCheck), 'insufficient_scope', 403)
})

test('sign-in: two at once in one browser do not disturb each other', async world => {
  const config = await discover(world, { tenant: 'globex' })
  const visit = new Visit(world)
  const requests = [await begin(config), await begin(config)]
  const pages = []
  for (const { url } of requests) pages.push(await visit.browser.get(url))
  for (const i of [1, 0]) {
    const tokens = await redeem(config, await visit.go(pages[i]), requests[i].checks)
    assert.deepEqual([visit.asked, tokens.claims().iss], [['password'], world.issuer('globex').href])
  }
})

test('sign-in: the claims parameter adds to the ID token', async world => {
  const { visit, claims } = await signedIn(world, {}, { claims: JSON.stringify({ id_token: { email: { essential: true } } }) })
  assert.equal(claims.email, visit.person.email)
})

test('sign-in: a tenant without assignments asks for the password alone', async world => {
  const { visit, claims } = await signedIn(world, { tenant: 'globex' })
  assert.deepEqual(visit.asked, ['password'])
  assert.equal(claims.acr, 'urn:twofold:acr:1fa')
})

test('userinfo: the claims of the granted scopes, for the same sub', async world => {
  const { config, visit, tokens, claims } = await signedIn(world)
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.equal(info.email, visit.person.email)
  assert.equal(info.preferred_username, visit.person.name)
  assert.equal(info.phone_number, undefined, 'phone was not asked for')
  await caught(client.fetchUserInfo(config, tokens.access_token, 'somebody else'), 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
  const url = new URL(config.serverMetadata().userinfo_endpoint)
  const posted = await client.fetchProtectedResource(config, tokens.access_token, url, 'POST') // Core §5.3.1: GET and POST
  assert.deepEqual(await posted.json(), info)
})
