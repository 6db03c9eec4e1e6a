// What must not be believed: by openid-client, which shows that these tests can
// fail, and by the server.
import assert from 'node:assert/strict'
import * as client from 'openid-client'

import { begin, checkAtHash, discover, redeem, signedIn, Visit } from '../lib/party.mjs'
import { caught, denied, refused } from '../lib/refused.mjs'
import { apps } from '../lib/sample.mjs'
import { test } from '../lib/tap.mjs'

/** answered is a sign-in up to the answer that the app gets. */
async function answered(world, { tenant = 'globex', extra, ...options } = {}) {
  const config = await discover(world, { tenant, ...options })
  const { url, checks } = await begin(config, extra)
  const answer = await new Visit(world).signIn({ url })
  return { config, answer, checks }
}

function changed(answer, change) {
  const url = new URL(answer.url)
  change(url.searchParams)
  return new Request(url)
}

test('control: another state is caught', async world => {
  const { config, answer, checks } = await answered(world)
  await caught(redeem(config, answer, { ...checks, expectedState: 'other' }), 'OAUTH_INVALID_RESPONSE', /state/)
})

test('control: another nonce is caught', async world => {
  const { config, answer, checks } = await answered(world)
  await caught(redeem(config, answer, { ...checks, expectedNonce: 'other' }), 'OAUTH_JWT_CLAIM_COMPARISON_FAILED', /nonce/)
})

test('control: another iss, or none, is caught', async world => {
  const { config, answer, checks } = await answered(world)
  await caught(redeem(config, changed(answer, p => p.set('iss', 'https://127.0.0.1/t/acme')), checks), 'OAUTH_INVALID_RESPONSE', /iss/)
  await caught(redeem(config, changed(answer, p => p.delete('iss')), checks), 'OAUTH_INVALID_RESPONSE', /iss/)
  await redeem(config, answer, checks) // nothing was sent by the two
})

test('control: a forged signature, another algorithm and another at_hash are caught', async world => {
  const { config, answer, checks } = await answered(world)
  let genuine
  config[client.customFetch] = async (url, options) => {
    const response = await fetch(url, options)
    if (!url.endsWith('/token')) return response
    genuine = await response.json()
    const [head, payload, signature] = genuine.id_token.split('.')
    const other = Buffer.from(signature, 'base64url')
    other[40] ^= 1
    return Response.json({ ...genuine, id_token: `${head}.${payload}.${other.toString('base64url')}` })
  }
  await caught(redeem(config, answer, checks), 'OAUTH_INVALID_RESPONSE', /signature/)
  await checkAtHash(genuine)
  await assert.rejects(checkAtHash({ ...genuine, access_token: `${genuine.access_token}x` }), /at_hash/)

  const wrong = await answered(world, { metadata: { id_token_signed_response_alg: 'ES256' } })
  await caught(redeem(wrong.config, wrong.answer, wrong.checks), 'OAUTH_INVALID_RESPONSE', /alg/)
})

test('code: another code_verifier is refused, and spends the code', async world => {
  const { config, answer, checks } = await answered(world)
  await refused(redeem(config, answer, { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }), 'invalid_grant')
  await refused(redeem(config, answer, checks), 'invalid_grant')
})

test('code: without a code_verifier it is refused', async world => {
  const { config, answer, checks } = await answered(world)
  await refused(redeem(config, answer, { ...checks, pkceCodeVerifier: undefined }), 'invalid_grant')
})

test('code: another redirect_uri is refused', async world => {
  const { config, answer, checks } = await answered(world)
  const elsewhere = new Request(answer.url.replace('/callback', '/elsewhere'))
  await refused(redeem(config, elsewhere, checks), 'invalid_grant')
})

test('code: another client app is refused, and does not spend it', async world => {
  const { config, answer, checks } = await answered(world, { tenant: 'acme' })
  const other = await discover(world, { app: 'payroll' })
  await refused(redeem(other, answer, checks), 'invalid_grant')
  await redeem(config, answer, checks)
})

test('code: another tenant is refused', async world => {
  const { config, answer, checks } = await answered(world)
  const acme = await discover(world)
  const moved = changed(answer, p => p.set('iss', world.issuer('acme').href))
  await refused(redeem(acme, moved, checks), 'invalid_grant')
  await redeem(config, answer, checks)
})

test('code: a second use is refused and ends what the first gave', async world => {
  const { config, answer, checks } = await answered(world)
  const tokens = await redeem(config, answer, checks)
  await refused(redeem(config, answer, checks), 'invalid_grant')
  await refused(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), 'invalid_token', 401)
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant')
})

test('request: cancelling tells the app access_denied, in both response modes', async world => {
  const config = await discover(world)
  for (const response_mode of ['query', 'form_post']) {
    const visit = new Visit(world)
    const { url, checks } = await begin(config, { response_mode })
    const page = await visit.name(await visit.browser.get(url))
    const [form, button] = page.forms.flatMap(f => f.buttons.map(b => [f, b])).find(([, b]) => b.value === 'cancel')
    const answer = await visit.go(await visit.browser.submit(form, {}, button))
    assert.equal(answer.method, response_mode === 'query' ? 'GET' : 'POST')
    await denied(redeem(config, answer, checks), 'access_denied')
  }
})

for (const [name, change, error] of [
  ['without PKCE', p => ['code_challenge', 'code_challenge_method'].forEach(n => p.delete(n)), 'invalid_request'],
  ['with PKCE by plain', p => p.set('code_challenge_method', 'plain'), 'invalid_request'],
  ['with a parameter twice', p => p.append('nonce', 'other'), 'invalid_request'],
  ['with response_type=token', p => p.set('response_type', 'token'), 'unsupported_response_type'],
  ['with response_type=code id_token', p => p.set('response_type', 'code id_token'), 'unsupported_response_type'],
  ['with a request object', p => p.set('request', 'e30.e30.'), 'request_not_supported'],
  ['with prompt=none login', p => p.set('prompt', 'none login'), 'invalid_request'],
  ['with max_age=-1', p => p.set('max_age', '-1'), 'invalid_request'],
]) {
  test(`request: one ${name} is answered ${error} with state and iss`, async world => {
    const config = await discover(world)
    const { url, checks } = await begin(config)
    change(url.searchParams)
    const { left } = await new Visit(world).browser.get(url)
    assert.ok(left, 'no answer to the app')
    await denied(redeem(config, left, checks), error)
  })
}

test('request: an unknown app or redirect URI gets a page, never a redirect', async world => {
  const config = await discover(world)
  for (const [name, value] of [['client_id', 'nobody'], ['redirect_uri', `${apps.callback}/`], ['redirect_uri', 'https://app.example.evil.example/callback']]) {
    const { url } = await begin(config)
    url.searchParams.set(name, value)
    const page = await new Visit(world).browser.get(url)
    assert.equal(page.status, 400, `${name}=${value}`)
  }
})
