// Another OpenID Provider, which nobody here wrote, signs our users in: oidc-provider.
import assert from 'node:assert/strict'

import { Browser } from '../lib/browser.mjs'
import { begin, discover, redeem, Visit } from '../lib/party.mjs'
import { password } from '../lib/sample.mjs'
import { test } from '../lib/tap.mjs'

/** Guest is a visitor who has a browser session at Corp too. */
class Guest {
  constructor(world, sub, claims, amr) {
    this.visit = new Visit(world, { name: sub })
    this.world = world
    this.sub = sub
    this.there = new Browser(world.corp.issuer, false)
    world.corp.people.set(sub, { claims, amr })
  }

  get browser() {
    return this.visit.browser
  }

  /** across follows the browser to Corp and back; returns the page, or the app's answer. */
  async across(page, denies = false) {
    this.went = false
    while (page.left && new URL(page.left.url).origin === this.there.site) {
      this.went = true
      this.world.corp.next = { sub: this.sub, denies }
      const back = await this.there.get(page.left.url)
      assert.ok(back.left, `Corp shows a page: ${back.status}\n${back.html}`)
      page = await this.browser.get(back.left.url)
    }
    return page
  }

  /** press presses the button of Corp on the page of a sign-in. */
  async press(page, denies) {
    const form = page.forms.find(f => f.buttons.some(b => b.value === 'upstream'))
    assert.ok(form, `no button of another service at ${page.url}\n${page.html}`)
    return this.across(await this.browser.submit(form), denies)
  }

  /** code gives the code that was mailed. */
  async code(page, email) {
    const form = page.forms.find(f => 'code' in f.fields)
    assert.ok(form, `no code is asked for at ${page.url}\n${page.html}`)
    return this.browser.submit(form, { code: await this.world.inbox.code(email) })
  }
}

/** ready opens Corp, once. */
async function ready(world) {
  const id = await idOf(world)
  await world.corp.open({
    client_id: 'twofold', client_secret: world.secrets.corp, redirect_uris: [`${world.url}/t/initech/upstream/${id}/callback`],
    response_types: ['code'], grant_types: ['authorization_code'],
  })
  return discover(world, { tenant: 'initech' })
}

/** idOf reads the id of the IDP off the button of its service. */
async function idOf(world) {
  const config = await discover(world, { tenant: 'initech' })
  const { url } = await begin(config)
  const page = await new Browser(world.url).get(url)
  const form = page.forms.find(f => f.buttons.some(b => b.value === 'upstream'))
  return form.fields.method
}

test('upstream: a stranger signs in, with our code on top, and gets one account', async world => {
  const config = await ready(world)
  const email = 'one@corp.example'
  const guest = new Guest(world, 'one', { name: 'One', email, email_verified: true }, ['pwd'])
  const request = await begin(config)
  const answer = await guest.code(await guest.press(await guest.browser.get(request.url)), email)
  const claims = (await redeem(config, answer.left, request.checks)).claims()
  assert.equal(claims.acr, 'urn:twofold:acr:2fa')
  assert.ok(!claims.amr.includes('pwd') && !claims.amr.includes('mfa'), `amr ${claims.amr}`)

  // Another browser, by the address: the same account.
  const second = new Guest(world, 'one', { name: 'One', email, email_verified: true }, ['pwd'])
  const again = await begin(config)
  const page = await second.browser.get(again.url)
  const asked = await second.across(await second.browser.submit(page.forms[0], { username: email }))
  const back = await second.code(asked, email)
  assert.equal((await redeem(config, back.left, again.checks)).claims().sub, claims.sub)
})

test('upstream: its MFA is trusted where the IDP says so', async world => {
  const config = await ready(world)
  const guest = new Guest(world, 'two', { name: 'Two', email: 'two@corp.example', email_verified: true }, ['pwd', 'otp', 'mfa'])
  const request = await begin(config, { acr_values: 'urn:twofold:acr:aal2 idp:corp' })
  const answer = await guest.across(await guest.browser.get(request.url))
  assert.ok(answer.left, `a question was asked at ${answer.url}\n${answer.html}`)
  const claims = (await redeem(config, answer.left, request.checks)).claims()
  assert.equal(claims.acr, 'urn:twofold:acr:aal2')
  assert.deepEqual(claims.amr, ['pwd', 'otp', 'mfa'])
})

test('upstream: prompt=login is asked of it, and auth_time is its own', async world => {
  const config = await ready(world)
  const guest = new Guest(world, 'three', { name: 'Three', email: 'three@corp.example', email_verified: true }, ['mfa'])
  const sign = async extra => {
    const request = await begin(config, { acr_values: 'idp:corp', ...extra })
    const answer = await guest.across(await guest.browser.get(request.url))
    assert.ok(answer.left, `a question was asked at ${answer.url}\n${answer.html}`)
    return (await redeem(config, answer.left, request.checks)).claims()
  }
  const first = await sign()
  await new Promise(done => setTimeout(done, 1_100))
  const single = await sign()
  assert.deepEqual([guest.went, single.auth_time], [false, first.auth_time])
  const fresh = await sign({ prompt: 'login' })
  assert.ok(guest.went && fresh.auth_time > first.auth_time && fresh.sub === first.sub, JSON.stringify([first, fresh]))
})

test('upstream: an account is linked by its owner, never by its address', async world => {
  const config = await ready(world)
  const person = world.person()
  const claims = { name: 'Four', email: person.email, email_verified: true }
  const guest = new Guest(world, 'four', claims, ['mfa'])
  const request = await begin(config)
  const refused = await guest.press(await guest.browser.get(request.url))
  assert.match(refused.html, /an account with your e-mail address already/)

  // He signs in with his password, and links from his account page.
  const own = new Guest(world, 'four', claims, ['mfa'])
  let page = await own.browser.get(`${world.url}/t/initech/account`)
  page = await own.browser.submit(page.forms[0], { username: person.name })
  page = await own.browser.submit(page.forms.find(f => 'password' in f.fields), { username: person.name, password })
  page = await own.code(page, person.email)
  const link = page.forms.find(f => f.buttons.some(b => b.value === 'connect'))
  assert.ok(link, `no way to link at ${page.url}\n${page.html}`)
  page = await own.across(await own.browser.submit(link))
  assert.ok(page.forms.some(f => f.buttons.some(b => b.value === 'unlink')), `not linked: ${page.status}\n${page.html}`)

  const other = new Guest(world, 'four', claims, ['mfa'])
  const next = await begin(config)
  const answer = await other.press(await other.browser.get(next.url))
  const tokens = await redeem(config, answer.left, next.checks)
  const local = await begin(config)
  const same = await redeem(config, (await own.browser.get(local.url)).left, local.checks)
  assert.equal(tokens.claims().sub, same.claims().sub)
})

test('upstream: who declines there, or is down, leaves all other ways', async world => {
  const config = await ready(world)
  const guest = new Guest(world, 'five', { name: 'Five' }, ['mfa'])
  const request = await begin(config)
  const declined = await guest.press(await guest.browser.get(request.url), true)
  assert.match(declined.html, /You were not signed in there/)
  assert.ok(declined.forms.some(f => 'password' in f.fields))

  // It goes down while the user is there: his answer cannot be checked.
  const form = declined.forms.find(f => f.buttons.some(b => b.value === 'upstream'))
  const { left } = await guest.browser.submit(form)
  world.corp.next = { sub: 'five' }
  const back = await guest.there.get(left.url)
  world.corp.close()
  const down = await guest.browser.get(back.left.url)
  assert.match(down.html, /does not answer at the moment/)
  const person = world.person()
  const page = await guest.browser.submit(down.forms.find(f => 'password' in f.fields), { username: person.name, password })
  const answer = await guest.code(page, person.email)
  await redeem(config, answer.left, request.checks)
})
