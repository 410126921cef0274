// What the programs need: their instructions, which come on stdin as JSON, and
// the report of their steps. Each step that went well is a line "ok NAME STEP"
// on stdout, and the first that did not ends the program.
import { webcrypto } from 'node:crypto'
import { text } from 'node:stream/consumers'

// Node.js 18, which Debian 12 has, does not make these global by itself.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey

export const instructions = JSON.parse(await text(process.stdin))

// step runs what it is given and reports it.
export async function step(name, run) {
  try {
    const result = await run()
    console.log(`ok ${instructions.name} ${name}`)
    return result
  } catch (error) {
    console.error(`failed: ${instructions.name} ${name}:`, error)
    process.exit(1)
  }
}

// hand gives what the program made to the test that runs it, as a line of JSON.
export const hand = (made) => console.log(JSON.stringify(made))
