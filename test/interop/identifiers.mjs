// DIDs as others read and make them: did:web by web-did-resolver, did:key and
// did:jwk by the drivers of Digital Bazaar.
import assert from 'node:assert/strict'
import { hand, instructions, step } from './common.mjs'
import { resolver } from './web.mjs'
import * as didJwk from '@digitalbazaar/did-method-jwk'
import * as didKey from '@digitalbazaar/did-method-key'
import * as EcdsaMultikey from '@digitalbazaar/ecdsa-multikey'
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey'
import { calculateJwkThumbprint } from 'jose'

const suites = { z6Mk: Ed25519Multikey, zDna: EcdsaMultikey, z82L: EcdsaMultikey, z2J9: EcdsaMultikey }
const keyDriver = didKey.driver()
for (const [multibaseMultikeyHeader, suite] of Object.entries(suites)) {
  keyDriver.use({ multibaseMultikeyHeader, fromMultibase: suite.from })
}
const jwkDriver = didJwk.driver()

// publicJwk returns the public key of a method in whatever form it has one.
async function publicJwk(method) {
  if (method.publicKeyJwk) return method.publicKeyJwk
  const suite = suites[method.publicKeyMultibase.slice(0, 4)]
  return suite.toJwk({ keyPair: await suite.from(method) })
}

// leads expects the document to be of one key, for all that it signs.
async function leads(document, { did, kid, thumbprint }) {
  assert.equal(document.id, did)
  assert.deepEqual(document.verificationMethod.map(({ id }) => id), [kid])
  assert.deepEqual(document.authentication, [kid])
  assert.deepEqual(document.assertionMethod, [kid])
  assert.equal(await calculateJwkThumbprint(await publicJwk(document.verificationMethod[0])), thumbprint)
}

await step('web', async () => {
  assert.ok(instructions.web.length)
  for (const { did, document } of instructions.web) {
    const { didDocument, didResolutionMetadata } = await resolver.resolve(did)
    assert.equal(didResolutionMetadata.error, undefined, didResolutionMetadata.message)
    assert.deepEqual(didDocument, document)
  }
})

await step('web_refused', async () => {
  for (const did of instructions.refused) {
    const { didResolutionMetadata } = await resolver.resolve(did)
    assert.equal(didResolutionMetadata.error, 'notFound', did)
  }
})

await step('key', async () => {
  for (const about of instructions.key) await leads(await keyDriver.get({ did: about.did }), about)
})
await step('jwk', async () => {
  for (const about of instructions.jwk) await leads(await jwkDriver.get({ did: about.did }), about)
})

await step('made', async () => {
  const made = { key: {}, jwk: {} }
  const take = ({ didDocument: { id, verificationMethod } }) => ({ did: id, kid: verificationMethod[0].id })
  for (const [name, jwk] of Object.entries(instructions.make)) {
    made.jwk[name] = take(await jwkDriver.fromJwk({ jwk }))
    if (jwk.kty === 'RSA') continue // which the driver of did:key does not have
    const suite = jwk.kty === 'OKP' ? Ed25519Multikey : EcdsaMultikey
    made.key[name] = take(await keyDriver.fromKeyPair({ verificationKeyPair: await suite.fromJwk({ jwk }) }))
  }
  hand(made)
})
