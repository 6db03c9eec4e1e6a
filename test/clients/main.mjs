// Starts Twofold, runs the cases and prints TAP. An argument is a part of the
// names of the cases to run.
import { webcrypto } from 'node:crypto'

// Debian 12's Node has these, but not under these names.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey

const { startWorld } = await import('./lib/world.mjs')
const { run } = await import('./lib/tap.mjs')

const limit = 180_000 // for all together
for (const name of ['discovery', 'signin', 'answers', 'session', 'tokens', 'clientauth', 'logout', 'upstream', 'authlib', 'parties']) {
  await import(`./cases/${name}.mjs`)
}
const late = setTimeout(() => {
  console.log(`Bail out! not done after ${limit / 1000} s`)
  process.exit(1) // which ends the server too
}, limit)
const world = await startWorld(process.env.TWOFOLD_TEST_WORK)
let failed = 1
try {
  failed = await run(world, process.argv[2] ?? '')
} finally {
  clearTimeout(late)
  await world.stop()
}
if (failed) console.log(['the server\'s log ends:', ...world.logTail()].map(l => `# ${l}`).join('\n'))
process.exit(failed ? 1 : 0)
