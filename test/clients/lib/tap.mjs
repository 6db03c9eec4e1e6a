// A test is a name and a function; they run one after the other and are told as
// TAP (https://testanything.org).

const tests = []

/** test adds a test; limit is how long it may take, in ms. */
export function test(name, body, limit = 20_000) {
  tests.push({ name, body, limit })
}

/** skip lets a test end where a program it needs is missing. */
export class Skip extends Error {}

/** run runs the tests whose name contains only and returns how many failed. */
export async function run(world, only) {
  const chosen = tests.filter(t => t.name.includes(only))
  const count = { passed: 0, failed: 0, skipped: 0 }
  console.log(`TAP version 13\n1..${chosen.length}`)
  for (const [i, t] of chosen.entries()) {
    const verdict = await outcome(t, world)
    count[verdict.kind]++
    console.log(`${verdict.kind === 'failed' ? 'not ok' : 'ok'} ${i + 1} - ${t.name}${verdict.note ?? ''}`)
    if (verdict.error) console.log(diagnosis(verdict.error))
  }
  const skipped = count.skipped ? `, ${count.skipped} skipped` : ''
  console.log(`# ${count.passed} passed, ${count.failed} failed${skipped}`)
  return chosen.length === 0 ? 1 : count.failed
}

async function outcome(t, world) {
  let timer
  const late = new Promise((_, no) => {
    timer = setTimeout(() => no(new Error(`not done after ${t.limit / 1000} s`)), t.limit)
  })
  try {
    await Promise.race([t.body(world), late])
    return { kind: 'passed' }
  } catch (error) {
    if (error instanceof Skip) return { kind: 'skipped', note: ` # SKIP ${error.message}` }
    return { kind: 'failed', error }
  } finally {
    clearTimeout(timer)
  }
}

/** diagnosis tells an error with its causes, each line a comment of TAP. */
function diagnosis(error) {
  const lines = []
  for (let e = error, depth = 0; e && depth < 4; e = e.cause, depth++) {
    lines.push(depth ? `caused by: ${e.stack ?? JSON.stringify(e)}` : (e.stack ?? String(e)))
  }
  return lines.join('\n').split('\n').map(l => `#   ${l}`).join('\n')
}
