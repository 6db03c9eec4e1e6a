// Apps that nobody here wrote, in a real browser: mod_auth_openidc under Apache (wiki),
// express-openid-connect (shop), oidc-client-ts in a single-page app (board), and go-oidc
// (ledger). To the browser they and Twofold are five sites.
import assert from 'node:assert/strict'

import { Person, chromium, launch } from '../lib/chromium.mjs'
import { Skip, test } from '../lib/tap.mjs'
import { apacheParty, missing } from '../parties/apache.mjs'
import { expressParty } from '../parties/express.mjs'
import { goParty } from '../parties/go.mjs'
import { spaParty } from '../parties/spa.mjs'

const limit = 60_000

let browser
/** visitor starts apps and browser with the first test, and returns somebody new. */
async function visitor(world) {
  browser ??= start(world)
  return Person.at(await browser, world)
}

async function start(world) {
  const lacking = await missing() || (await chromium() ? '' : 'chromium is missing')
  if (lacking) {
    if (process.env.CI === 'true' || process.env.TWOFOLD_TEST_REQUIRE === '1') throw new Error(lacking)
    throw new Skip(lacking)
  }
  const { wiki, shop, board, ledger } = world.parties
  const begin = [apacheParty(world, wiki), expressParty(world, shop), spaParty(world, board), goParty(world, ledger)]
  for (const party of begin) world.closing.push(await party)
  const started = await launch(world)
  world.closing.push(() => started.close())
  return started
}

/** party is a test with somebody at the browser. */
function party(name, body) {
  test(name, async world => {
    const person = await visitor(world)
    try {
      await body(person, world.parties, world)
    } finally {
      await person.leave()
    }
  }, limit)
}

/** board presses a button of the single-page app and returns what it shows then. */
async function board(person, button) {
  if (button) await person.page.click(`[data-do=${button}]`)
  const shown = await person.page.waitForFunction(() => {
    const text = document.getElementById('state')?.textContent
    return text && text !== '"busy"' && text
  })
  return JSON.parse(await shown.jsonValue())
}

party('parties: four apps, one sign-on, step-up, silent renewal, signing out everywhere', async (person, at) => {
  await person.open(at.wiki.url)
  assert.deepEqual(person.asked, ['password', 'mail'])
  const wiki = await person.json()
  assert.equal(wiki.preferred_username, person.name)
  assert.equal(wiki.acr, 'urn:twofold:acr:2fa')

  await person.open(at.shop.url)
  assert.deepEqual(person.asked, [])
  const shop = await person.json()
  assert.deepEqual([shop.sub, shop.sid, shop.acr], [wiki.sub, wiki.sid, wiki.acr])

  await person.open(at.ledger.url)
  assert.deepEqual([person.asked, (await person.json()).acr], [[], 'urn:twofold:acr:2fa'])
  await person.open(`${at.ledger.url}?acr=urn:twofold:acr:aal2`)
  assert.deepEqual(person.asked, ['sms'])
  const ledger = await person.json()
  assert.deepEqual([ledger.sub, ledger.sid, ledger.acr], [wiki.sub, wiki.sid, 'urn:twofold:acr:aal2'])

  await person.open(at.board.url)
  assert.equal(await board(person), null)
  await person.press('[data-do=signin]')
  assert.deepEqual(person.asked, [])
  const first = await board(person)
  assert.deepEqual([first.claims.sub, first.claims.sid], [wiki.sub, wiki.sid])
  const renewed = await board(person, 'renew')
  assert.ok(renewed.refresh && renewed.access !== first.access, JSON.stringify(renewed))
  assert.equal(renewed.claims.sid, wiki.sid)

  await person.press('[data-do=signout]')
  assert.deepEqual([person.page.url(), await board(person)], [`${at.board.url}bye`, null])
  await signedOut(person, at)
  await told(person, at.wiki, 'Apache') // by the back channel
  await told(person, at.shop, 'express')
})

/** told waits until an app knows that the session has ended: it sends its user to sign in. */
async function told(person, { url }, app) {
  for (let i = 0; i < 50; i++) {
    await person.page.goto(url)
    if (person.atTwofold) return
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error(`${app} goes on as if nothing had happened`)
}

/** signedOut holds that nothing is left of the session at Twofold. */
async function signedOut(person, at) {
  await person.open(`${at.ledger.url}?prompt=none`)
  assert.deepEqual([person.asked, await person.json()], [[], { error: 'login_required' }])
}

party('parties: signing out of Apache ends what the others were given', async (person, at) => {
  await person.open(at.board.url)
  await board(person)
  await person.press('[data-do=signin]')
  assert.deepEqual(person.asked, ['password', 'mail'])
  await person.open(at.shop.url)
  await person.open(`${at.shop.url}who`)
  assert.equal((await person.json()).preferred_username, person.name)
  await person.open(at.wiki.url)

  await person.open(`${at.wiki.url}oidc?logout=${encodeURIComponent(`${at.wiki.url}bye`)}`)
  assert.deepEqual([person.page.url(), person.asked], [`${at.wiki.url}bye`, []])
  await signedOut(person, at)
  await told(person, at.shop, 'express')
  await person.open(at.board.url)
  await board(person)
  assert.equal((await board(person, 'renew')).error, 'invalid_grant')
  await person.open(at.wiki.url)
  assert.deepEqual(person.asked, ['password', 'mail'])
})

party('parties: the back channel names one session', async (person, at, world) => {
  const elsewhere = Object.assign(await visitor(world), { name: person.name, email: person.email, phone: person.phone })
  try {
    for (const somebody of [person, elsewhere]) {
      for (const { url } of [at.ledger, at.wiki, at.shop]) await somebody.open(url)
    }
    await person.open(`${at.ledger.url}signout`)
    for (const [app, name] of [[at.wiki, 'Apache'], [at.shop, 'express']]) await told(person, app, name)
    const goesOn = async ({ url }) => (await elsewhere.page.goto(url)).request().redirectChain().length === 0
    assert.equal(await goesOn(at.wiki), true)
    assert.equal(await goesOn(at.shop), false, 'its own default is to end all sessions of the user')
  } finally {
    await elsewhere.leave()
  }
})

for (const [name, second, signOut] of [['shop', 'mail', 'logout'], ['ledger', 'sms', 'signout']]) {
  party(`parties: signing out of the ${name}`, async (person, at) => {
    await person.open(at[name].url)
    assert.deepEqual(person.asked, ['password', second])
    await person.open(`${at[name].url}${signOut}`)
    assert.deepEqual([person.page.url(), await person.json()], [`${at[name].url}bye`, { bye: true }])
    await signedOut(person, at)
  })
}

for (const [where, url, found] of [['another site', at => at.url, 'login_required'], ['the site of Twofold', at => at.near, undefined]]) {
  party(`parties: renewal in a frame by an app on ${where}`, async (person, at) => {
    await person.open(url(at.board))
    await board(person)
    await person.press('[data-do=signin]')
    const { claims } = await board(person)
    const frame = await board(person, 'frame') // prompt=none, which never shows a page: those forbid frames
    assert.deepEqual([frame.error, frame.claims?.sid], [found, found ? undefined : claims.sid], JSON.stringify(frame))
  })
}
