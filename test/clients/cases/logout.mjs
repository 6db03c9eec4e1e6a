import assert from 'node:assert/strict'
import * as client from 'openid-client'

import { discover, signedIn, silent } from '../lib/party.mjs'
import { denied, refused } from '../lib/refused.mjs'
import { apps } from '../lib/sample.mjs'
import { test } from '../lib/tap.mjs'

const globex = { tenant: 'globex' }
const back = { post_logout_redirect_uri: apps.signedOut, state: 'b y e' }

function sentBack({ left }) {
  assert.ok(left, 'not sent back to the app')
  const url = new URL(left.url)
  assert.equal(url.origin + url.pathname, apps.signedOut)
  assert.equal(url.searchParams.get('state'), back.state)
}

test('sign-out: id_token_hint ends the session and all that came of it', async world => {
  const { config, visit, tokens } = await signedIn(world, globex)
  sentBack(await visit.browser.get(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, ...back })))
  await denied(silent(config, visit), 'login_required')
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant')
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false)
  sentBack(await visit.browser.get(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, ...back }))) // once more does no harm
})

test('sign-out: the request may come by POST', async world => {
  const { config, visit, tokens } = await signedIn(world, globex)
  const fields = { id_token_hint: tokens.id_token, ...back }
  const action = config.serverMetadata().end_session_endpoint
  sentBack(await visit.browser.submit({ page: apps.callback, action, method: 'POST', fields, buttons: [] }))
  await denied(silent(config, visit), 'login_required') // although a POST from another site brings no cookie
})

test('sign-out: without a hint the user is asked', async world => {
  const { config, visit } = await signedIn(world, globex)
  const url = client.buildEndSessionUrl(config, back) // openid-client adds client_id
  const page = await visit.browser.get(url)
  const [form] = page.forms
  const button = value => form.buttons.find(b => b.value === value)
  assert.equal((await visit.browser.submit(form, {}, button('stay'))).status, 200)
  await silent(config, visit)
  sentBack(await visit.browser.submit(form, {}, button('signout')))
  await denied(silent(config, visit), 'login_required')
})

test('sign-out: the hint of another session does not end this one unasked', async world => {
  const one = await signedIn(world, globex)
  const two = await signedIn(world, globex)
  const page = await one.visit.browser.get(client.buildEndSessionUrl(one.config, { id_token_hint: two.tokens.id_token, ...back }))
  assert.ok(page.forms?.length, 'was not asked')
  await silent(one.config, one.visit)
  await silent(two.config, two.visit)
})

test('sign-out: an unregistered address is not followed, a foreign hint not believed', async world => {
  const { config, visit, tokens } = await signedIn(world, globex)
  const elsewhere = { id_token_hint: tokens.id_token, post_logout_redirect_uri: `${apps.signedOut}/x` }
  assert.equal((await visit.browser.get(client.buildEndSessionUrl(config, elsewhere))).status, 400)
  const acme = await discover(world)
  assert.equal((await visit.browser.get(client.buildEndSessionUrl(acme, { id_token_hint: tokens.id_token, ...back }))).status, 400)
  await silent(config, visit)
})
