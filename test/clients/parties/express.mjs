// express-openid-connect, as its own examples have it.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { join } from 'node:path'

import express from 'express'
import oidc from 'express-openid-connect'
import memorystore from 'memorystore'

export async function expressParty(world, { url, listen }) {
  const app = express()
  const MemoryStore = memorystore(oidc.auth)
  app.use(oidc.auth({
    issuerBaseURL: world.issuer('acme').href, baseURL: url.slice(0, -1), clientID: 'shop', clientSecret: world.secrets.shop, secret: world.secrets.shop,
    authorizationParams: { response_type: 'code', scope: 'openid profile email' },
    authRequired: false, idpLogout: true, backchannelLogout: { store: new MemoryStore({ checkPeriod: 0 }) },
    routes: { postLogoutRedirect: '/bye' },
  }))
  app.get('/', oidc.requiresAuth(), (request, response) => response.json(request.oidc.idTokenClaims))
  app.get('/who', oidc.requiresAuth(), async (request, response) => response.json(await request.oidc.fetchUserInfo()))
  app.get('/bye', (request, response) => response.json({ bye: !request.oidc.isAuthenticated() }))
  return serve(world, app, listen)
}

/** serve serves an app with the certificate of the tests, and returns what ends it. */
export async function serve(world, app, listen) {
  const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map(name => readFile(join(world.work, name))))
  const server = createServer({ cert, key }, app)
  const { hostname, port } = new URL(`https://${listen}`)
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, hostname, resolve))
  return () => {
    server.close()
    server.closeAllConnections?.()
  }
}
