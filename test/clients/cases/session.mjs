import assert from 'node:assert/strict'
import * as client from 'openid-client'

import { again, begin, discover, redeem, signedIn, silent, Visit } from '../lib/party.mjs'
import { caught, denied } from '../lib/refused.mjs'
import { test } from '../lib/tap.mjs'

/** nextSecond waits until auth_time would be another one. */
const nextSecond = claims => new Promise(done => setTimeout(done, Math.max(0, (claims.auth_time + 1) * 1000 + 50 - Date.now())))

test('session: a second request, and another app, ask nothing', async world => {
  const { config, visit, claims } = await signedIn(world)
  const second = await again(config, visit)
  assert.deepEqual(visit.asked, [])
  const payroll = await discover(world, { app: 'payroll', metadata: { id_token_signed_response_alg: 'ES256' } })
  const third = await again(payroll, visit)
  assert.deepEqual(visit.asked, [])
  for (const c of [second.claims, third.claims]) {
    assert.deepEqual([c.sub, c.sid, c.auth_time, c.acr], [claims.sub, claims.sid, claims.auth_time, claims.acr])
  }
})

test('session: prompt=login asks again and renews auth_time', async world => {
  const { config, visit, claims } = await signedIn(world, { tenant: 'globex' })
  await nextSecond(claims)
  const fresh = await again(config, visit, { prompt: 'login' })
  assert.deepEqual(visit.asked, ['password'])
  assert.ok(fresh.claims.auth_time > claims.auth_time)
  assert.equal(fresh.claims.sid, claims.sid)
})

test('session: max_age asks again once the sign-in is older, and not before', async world => {
  const { config, visit, claims } = await signedIn(world)
  const young = await again(config, visit, { max_age: 3600 })
  assert.deepEqual(visit.asked, [])
  assert.equal(young.claims.auth_time, claims.auth_time)
  await nextSecond(claims)
  const fresh = await again(config, visit, { max_age: 0 })
  assert.deepEqual(visit.asked, ['password', 'mail'])
  assert.ok(fresh.claims.auth_time > claims.auth_time)
})

test('control: an auth_time beyond max_age is caught', async world => {
  const { visit } = await signedIn(world, { tenant: 'globex' })
  const late = await discover(world, { tenant: 'globex', metadata: { [client.clockSkew]: 60, [client.clockTolerance]: 0 } })
  const request = await begin(late)
  const answer = await visit.signIn(request)
  await caught(redeem(late, answer, { ...request.checks, maxAge: 10 }), 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED', /elapsed/)
})

test('session: prompt=none is login_required without one, and silent with one', async world => {
  const config = await discover(world)
  const visit = new Visit(world)
  await denied(silent(config, visit), 'login_required')
  const { claims } = await again(config, visit)
  const quiet = await silent(config, visit)
  assert.deepEqual([quiet.claims().sub, quiet.claims().auth_time], [claims.sub, claims.auth_time])
  await denied(silent(config, visit, { max_age: 0 }), 'login_required')
})

test('session: prompt=none by form_post', async world => {
  const { config, visit } = await signedIn(world, { tenant: 'globex' })
  const request = await begin(config, { prompt: 'none', response_mode: 'form_post' })
  const answer = await visit.signIn(request)
  assert.deepEqual([answer.method, visit.asked], ['POST', []])
  await redeem(config, answer, request.checks)
})

test('session: acr_values ask for what is missing, and for nothing else', async world => {
  const { config, visit, claims } = await signedIn(world)
  const vault = await discover(world, { app: 'vault' })
  await denied(silent(vault, visit, { acr_values: 'urn:twofold:acr:aal2' }), 'interaction_required')
  const strong = await again(vault, visit, { acr_values: 'urn:twofold:acr:aal2' })
  assert.deepEqual(visit.asked, ['sms'])
  assert.equal(strong.claims.acr, 'urn:twofold:acr:aal2')
  assert.equal(strong.claims.auth_time, claims.auth_time, 'a code alone makes no old sign-in young')
  assert.equal(strong.claims.sid, claims.sid)
  const back = await again(config, visit)
  assert.deepEqual(visit.asked, [])
  assert.equal(back.claims.acr, 'urn:twofold:acr:2fa', 'SMS is not offered to this app, so it proves nothing to it')
})

test('session: an essential acr steps up as acr_values do', async world => {
  const { visit } = await signedIn(world)
  const vault = await discover(world, { app: 'vault' })
  const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:twofold:acr:aal2'] } } })
  const strong = await again(vault, visit, { claims })
  assert.deepEqual(visit.asked, ['sms'])
  assert.equal(strong.claims.acr, 'urn:twofold:acr:aal2')
})

test('session: an acr that nobody can reach is refused, never answered with less', async world => {
  const { config, visit } = await signedIn(world)
  const { url } = await begin(config, { acr_values: 'phr' })
  const page = await visit.browser.get(url)
  assert.equal(page.status, 403)
  await denied(silent(config, visit, { acr_values: 'phr' }), 'interaction_required')
})

test('session: id_token_hint of the user is silent, of another is login_required', async world => {
  const one = await signedIn(world, { tenant: 'globex' })
  const two = await signedIn(world, { tenant: 'globex' })
  await silent(one.config, one.visit, { id_token_hint: one.tokens.id_token })
  await denied(silent(one.config, one.visit, { id_token_hint: two.tokens.id_token }), 'login_required')
})

test('session: login_hint fills in the name', async world => {
  const config = await discover(world)
  const { url } = await begin(config, { login_hint: 'carla@sample.example' })
  const page = await new Visit(world).browser.get(url)
  assert.equal(page.forms[0].fields.username, 'carla@sample.example')
})

test('session: it is good at its own tenant only', async world => {
  const { visit } = await signedIn(world, { tenant: 'globex' })
  await denied(silent(await discover(world), visit), 'login_required')
})
