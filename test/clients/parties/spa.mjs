// oidc-client-ts in a single-page app: all of it runs in the browser.
import { fileURLToPath } from 'node:url'

import express from 'express'

import { serve } from './express.mjs'

const file = path => fileURLToPath(new URL(path, import.meta.url))

export function spaParty(world, { listen }) {
  const app = express()
  app.get('/settings.js', (_, response) => response.type('js').send(`const settings = ${JSON.stringify({
    authority: world.issuer('acme').href, client_id: 'board', scope: 'openid profile email offline_access', automaticSilentRenew: false,
  })}`))
  app.get('/oidc-client-ts.js', (_, response) => response.sendFile(file('../node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js')))
  app.get(['/', '/silent', '/bye'], (_, response) => response.sendFile(file('spa.html')))
  return serve(world, app, listen)
}
