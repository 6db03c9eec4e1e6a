// Programs that run beside the tests and end with them.
import { spawn } from 'node:child_process'

/** child starts a program; what it says is kept, and it never outlives this process. */
export function child(program, args, options = {}) {
  const p = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise(resolve => {
    p.once('exit', resolve)
    p.once('error', resolve)
  })
  const kill = () => p.kill('SIGKILL')
  process.once('exit', kill)
  const started = { process: p, gone, output: '' }
  for (const stream of [p.stdout, p.stderr]) {
    stream.setEncoding('utf8').on('data', text => { started.output += text })
  }
  started.stop = async () => {
    p.kill('SIGTERM')
    const late = setTimeout(kill, 5_000)
    await gone
    clearTimeout(late)
    process.removeListener('exit', kill)
  }
  return started
}

/** said waits until a child has said something. */
export function said(started, pattern) {
  const { process: p, gone } = started
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = pattern.exec(started.output)
      if (found) resolve(found)
    }
    for (const stream of [p.stdout, p.stderr]) stream.on('data', look)
    gone.then(code => reject(new Error(`${p.spawnfile} ended with ${code}\n${started.output}`)))
    look()
  })
}
