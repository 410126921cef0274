// Credentials, presentations, status lists and software statements as others
// read and make them. did-jwt-vc does VCDM 1.1; it has no form of 2.0, so that
// is jose with a payload by hand. The lists are Digital Bazaar's.
import assert from 'node:assert/strict'
import { hand, instructions, step } from './common.mjs'
import { resolver } from './web.mjs'
import * as bitstring from '@digitalbazaar/vc-bitstring-status-list'
import * as statusList from '@digitalbazaar/vc-status-list'
import { EdDSASigner, ES256Signer } from 'did-jwt'
import {
  createVerifiableCredentialJwt, createVerifiablePresentationJwt, verifyCredential, verifyPresentation,
} from 'did-jwt-vc'
import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from 'jose'

const { name: alg, audience, nonce, registry, buyer, directory, credential, lists, v1, v2, statement } = instructions
const contexts = { v1: 'https://www.w3.org/2018/credentials/v1', v2: 'https://www.w3.org/ns/credentials/v2' }
const vcTypes = ['VerifiableCredential', 'LegalEntityCredential']

const now = Math.floor(Date.now() / 1000)

// changed returns the token with one byte of its header, of its payload and of
// its signature changed. Each keeps its form, and what the payload then says
// would be accepted, so that only the signature speaks against it.
function changed(token) {
  const parts = token.split('.')
  const edit = (n, from, to) => {
    const text = Buffer.from(parts[n], 'base64url').toString()
    const other = text.replace(from, to)
    assert.notEqual(other, text)
    return Buffer.from(other).toString('base64url')
  }
  const signature = Buffer.from(parts[2], 'base64url')
  signature[40] ^= 1
  return [
    [edit(0, 'sig-1', 'sig-2'), parts[1], parts[2]],
    [parts[0], edit(1, /(?<="(?:iat|nbf)":\d{9})\d|(?<=Buyer In)c/, (byte) => (byte === 'c' ? 'k' : byte === '0' ? '1' : String(byte - 1))), parts[2]],
    [parts[0], parts[1], signature.toString('base64url')],
  ].map((all) => all.join('.'))
}

// refuses expects each of the tokens to be refused for its signature. did-jwt
// looks at no kid, but the kid is signed as well.
async function refuses(verify, tokens) {
  for (const token of tokens) {
    await assert.rejects(verify(token), /invalid_signature|signature verification failed|no key/)
  }
}

// Version 1.1 with did-jwt-vc. It takes a key of any purpose unless it is told
// which, and it leaves the credentials in a presentation to the caller.

const asserted = { proofPurpose: 'assertionMethod' }
const presented = { proofPurpose: 'authentication', challenge: nonce, domain: audience }

await step('v1_credential', async () => {
  const { issuer, payload, verifiableCredential } = await verifyCredential(v1.vc, resolver, asserted)
  assert.equal(issuer, registry.id)
  assert.equal(payload.sub, buyer.id)
  assert.equal(payload.jti, credential.id)
  assert.deepEqual(verifiableCredential.type, vcTypes)
  assert.deepEqual(verifiableCredential.credentialSubject, { ...credential.claims, id: buyer.id })
  assert.equal(verifiableCredential.credentialStatus[0].statusListCredential, lists.bitstring.url)
  await refuses((token) => verifyCredential(token, resolver, asserted), [...changed(v1.vc), v1.forged])
  await assert.rejects(verifyCredential(v1.expired, resolver, asserted), /expired/)
})

await step('v1_presentation', async () => {
  const { payload } = await verifyPresentation(v1.vp, resolver, presented)
  assert.equal(payload.iss, buyer.id)
  assert.deepEqual(payload.vp.verifiableCredential, [v1.vc])
  const verify = (options) => (token) => verifyPresentation(token, resolver, { ...presented, ...options })
  await refuses(verify(), changed(v1.vp))
  await assert.rejects(verify({ challenge: 'another' })(v1.vp), /challenge/)
  await assert.rejects(verify({ domain: 'https://other.example' })(v1.vp), /audience/)
  await assert.rejects(verify()(v1.misused), /no_suitable_keys/)
})

// Version 2.0 with jose.

// verify finds the key that the document has for this purpose under the kid.
async function verify(token, typ, owner, purpose, options = {}) {
  const key = async ({ kid }) => {
    const { didDocument } = await resolver.resolve(owner)
    const method = didDocument.verificationMethod.find(({ id }) => id === kid && didDocument[purpose]?.includes(kid))
    if (!method) throw new Error('no key')
    return importJWK(method.publicKeyJwk, alg)
  }
  return (await jwtVerify(token, key, { typ, algorithms: [alg], ...options })).payload
}

const verifyVC = (token) => verify(token, 'vc+jwt', registry.id, 'assertionMethod')

await step('v2_credential', async () => {
  const { '@context': context, id, type, issuer, credentialSubject, credentialStatus, validFrom, validUntil } = await verifyVC(v2.vc)
  assert.deepEqual(context, [contexts.v2])
  assert.deepEqual(type, vcTypes)
  assert.deepEqual([id, issuer], [credential.id, registry.id])
  assert.deepEqual(credentialSubject, { ...credential.claims, id: buyer.id })
  assert.equal(credentialStatus[0].statusListCredential, lists.bitstring.url)
  assert.ok(Date.parse(validFrom) < Date.now() && Date.now() < Date.parse(validUntil))
  await refuses(verifyVC, [...changed(v2.vc), v2.forged])
})

await step('v2_presentation', async () => {
  const verifyVP = (token, options) => verify(token, 'vp+jwt', buyer.id, 'authentication', { issuer: buyer.id, audience, ...options })
  const vp = await verifyVP(v2.vp, { requiredClaims: ['exp', 'iat'] })
  assert.deepEqual(vp['@context'], [contexts.v2])
  assert.deepEqual(vp.type, ['VerifiablePresentation'])
  assert.deepEqual([vp.holder, vp.nonce], [buyer.id, nonce])
  assert.deepEqual(vp.verifiableCredential, [enveloped(v2.vc)])
  await refuses(verifyVP, [...changed(v2.vp), v2.misused])
  await assert.rejects(verifyVP(v2.vp, { audience: 'https://other.example' }), /"aud"/)
  await assert.rejects(verifyVP(v1.vp), /"typ"/)
})

// Status lists.

// wantBits expects the list to have exactly these bits and their neighbours so.
function wantBits(list, { set, clear }) {
  assert.ok(set.length && clear.length)
  for (const index of set) assert.equal(list.getStatus(index), true, `bit ${index}`)
  for (const index of clear) assert.equal(list.getStatus(index), false, `bit ${index}`)
}

await step('bitstring_status_list', async () => {
  const { id, type, credentialSubject } = await verifyVC(lists.bitstring.token)
  assert.equal(id, lists.bitstring.url)
  assert.deepEqual(type, ['VerifiableCredential', 'BitstringStatusListCredential'])
  assert.equal(credentialSubject.type, 'BitstringStatusList')
  const list = await bitstring.decodeList(credentialSubject)
  assert.equal(list.length, 131072)
  wantBits(list, lists.bitstring)
})

await step('status_list_2021', async () => {
  const { verifiableCredential } = await verifyCredential(lists.list2021.token, resolver, asserted)
  assert.deepEqual(verifiableCredential.type, ['VerifiableCredential', 'StatusList2021Credential'])
  assert.equal(verifiableCredential.credentialSubject.type, 'StatusList2021')
  const list = await statusList.decodeList(verifiableCredential.credentialSubject)
  assert.equal(list.length, 131072)
  wantBits(list, lists.list2021)
})

// Software statements.

await step('statement', async () => {
  const { d, ...key } = directory.jwk
  const keys = createLocalJWKSet({ keys: [key] })
  const verifyStatement = (token) => jwtVerify(token, keys, {
    issuer: directory.id, typ: 'JWT', algorithms: [alg], requiredClaims: ['iat', 'exp', 'jti'],
  }).catch((error) => { throw new Error(error.message.replace('no applicable key', 'no key')) })
  const { payload } = await verifyStatement(statement.good)
  assert.equal(payload.software_id, 'software-1')
  await refuses(verifyStatement, [...changed(statement.good), statement.forged])
  await assert.rejects(verifyStatement(statement.expired), /"exp"/)
})

// What others sign, good and bad.

const signer = ({ jwk: { d } }) => (alg === 'ES256' ? ES256Signer : EdDSASigner)(Buffer.from(d, 'base64url'))
const as = (party, key = party) => [{ did: party.id, alg, signer: signer(key) }, { header: { kid: party.kid } }]

const entry = (list, index) => ({
  id: `${list.url}#${index}`, type: `${list.kind}Entry`, statusPurpose: 'revocation',
  statusListIndex: String(index), statusListCredential: list.url,
})

// vcV1 and vpV1 are of did-jwt-vc, whose defaults move what VCDM 1.1 §6.3.1
// moves to the claims of the JWT.
const vcV1 = ({ until = 3600, key = registry, index = lists.free } = {}) => {
  const [issuer, options] = as(registry, key)
  return createVerifiableCredentialJwt({
    '@context': [contexts.v1], id: credential.id, type: vcTypes, issuer: registry.id,
    issuanceDate: new Date((now - 7200) * 1000).toISOString(), expirationDate: new Date((now + until) * 1000).toISOString(),
    credentialSubject: { id: buyer.id, ...credential.claims },
    credentialStatus: [entry(lists.theirs2021, index)],
  }, issuer, options)
}

const vpV1 = (vc, { by = buyer, aud = audience, challenge = nonce, until = 240 } = {}) => {
  const [holder, options] = as(by)
  return createVerifiablePresentationJwt({
    '@context': [contexts.v1], type: ['VerifiablePresentation'], holder: by.id, verifiableCredential: [vc],
    issuanceDate: new Date(now * 1000).toISOString(), exp: now + until,
  }, holder, { ...options, domain: aud, challenge })
}

// sign takes the header parameters that VC-JOSE-COSE §3.1 wants.
async function sign({ kid, jwk }, header, payload) {
  return new SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(await importJWK(jwk, alg))
}

const vcV2 = ({ until = 3600, key = registry, index = lists.free } = {}) => sign(
  { kid: registry.kid, jwk: key.jwk }, { typ: 'vc+jwt', cty: 'vc' }, {
    '@context': [contexts.v2], id: credential.id, type: vcTypes, issuer: { id: registry.id, name: 'Registry' },
    validFrom: new Date((now - 7200) * 1000).toISOString(), validUntil: new Date((now + until) * 1000).toISOString(),
    credentialSubject: { id: buyer.id, ...credential.claims },
    credentialStatus: entry(lists.theirs, index),
  })

function enveloped(vc) {
  return { '@context': contexts.v2, type: 'EnvelopedVerifiableCredential', id: `data:application/vc+jwt,${vc}` }
}

const vpV2 = (vc, { by = buyer, aud = audience, challenge = nonce, until = 240 } = {}) => sign(
  by, { typ: 'vp+jwt', cty: 'vp' }, {
    '@context': [contexts.v2], type: 'VerifiablePresentation', holder: by.id, verifiableCredential: enveloped(vc),
    iss: by.id, aud, nonce: challenge, iat: now, exp: now + until,
  })

// presentations returns each by the name of its case.
async function presentations(vc, vp) {
  const good = await vc()
  const vps = {
    good: vp(good), another_audience: vp(good, { aud: 'https://other.example' }), another_nonce: vp(good, { challenge: 'another' }),
    expired: vp(good, { until: -600 }), key_of_another_purpose: vp(good, { by: registry }),
    expired_credential: vp(await vc({ until: -3600 })), forged_credential: vp(await vc({ key: buyer })),
    changed_credential: vp(changed(good)[1]), revoked_credential: vp(await vc({ index: lists.revoked })),
  }
  for (const name of Object.keys(vps)) vps[name] = await vps[name]
  changed(vps.good).forEach((token, part) => { vps[`changed_${['header', 'payload', 'signature'][part]}`] = token })
  return vps
}

// listOf returns a list of the package's with the bit of the revoked one.
async function listOf(create) {
  const list = await create({ length: 131072 })
  list.setStatus(lists.revoked, true)
  return list
}

await step('made', async () => {
  const theirs = await bitstring.createCredential({
    id: lists.theirs.url, list: await listOf(bitstring.createList), statusPurpose: 'revocation',
  })
  const theirs2021 = await statusList.createCredential({
    id: lists.theirs2021.url, list: await listOf(statusList.createList), statusPurpose: 'revocation',
  })
  const claims = { iss: directory.id, jti: 'statement-2', iat: now, exp: now + 600, software_id: 'software-2' }
  const statements = {
    good: await sign(directory, {}, claims),
    expired: await sign(directory, {}, { ...claims, exp: now - 600 }),
    forged: await sign({ ...buyer, kid: directory.kid }, {}, claims),
  }
  changed(statements.good).forEach((token, part) => { statements[`changed_${['header', 'payload', 'signature'][part]}`] = token })
  hand({
    statements,
    presentations: { '1.1': await presentations(vcV1, vpV1), '2.0': await presentations(vcV2, vpV2) },
    lists: {
      [lists.theirs.path]: await sign(registry, { typ: 'vc+jwt', cty: 'vc' }, { ...theirs, issuer: registry.id }),
      [lists.theirs2021.path]: await createVerifiableCredentialJwt({ ...theirs2021, issuer: registry.id }, ...as(registry)),
    },
  })
})
