// The Buyer's side of the whole flow, played by openid-client as it is: what it
// sends is what a certified relying party sends, and what it checks is on.
import assert from 'node:assert/strict'
import { instructions, step } from './common.mjs'
import * as client from 'openid-client'
import { decodeJwt, decodeProtectedHeader, importJWK } from 'jose'

const { issuer, resource, clientId, redirectUri, alg, jwk } = instructions

const key = { key: await importJWK(jwk, alg), kid: jwk.kid }

const config = await step('discovery', () => client.discovery(
  new URL(issuer), clientId, { id_token_signed_response_alg: alg }, client.PrivateKeyJwt(key)))
client.useCodeIdTokenResponseType(config)
client.enableDetachedSignatureResponseChecks(config)
client.enableNonRepudiationChecks(config) // verify the token endpoint's ID token as well

const own = await step('client_credentials', async () => {
  const tokens = await client.clientCredentialsGrant(config, { scope: 'quote' })
  assert.equal(tokens.token_type, 'bearer')
  assert.equal(tokens.scope, 'quote')
  assert.equal(tokens.refresh_token, undefined)
  return tokens
})

// call sends JSON to the quote API, which lies on the other listener.
async function call(token, method, path, data) {
  const response = await client.fetchProtectedResource(config, token, new URL(resource + path), method,
    data && JSON.stringify({ Data: data }), new Headers(data && { 'content-type': 'application/json' }))
  return { status: response.status, data: (await response.json()).Data }
}

async function lodge(kind) {
  const { status, data } = await call(own.access_token, 'POST', '/quote', { Kind: kind, Purpose: 'interoperability' })
  assert.equal(status, 201)
  assert.equal(data.Status, 'Pending')
  return data.QuoteId
}

const intent = await step('quote', () => lodge('repeated'))

// ask builds an authorization request for the intent: the URL, and what the
// answer to it is checked against.
async function ask(intentId) {
  const checks = {
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    maxAge: 300,
  }
  const url = await client.buildAuthorizationUrlWithJAR(config, {
    redirect_uri: redirectUri,
    scope: 'openid quote',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    max_age: String(checks.maxAge),
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    claims: JSON.stringify({ id_token: { meflso_intent_id: { value: intentId, essential: true } } }),
  }, key)
  return { url, checks }
}

const request = await step('request_object', async () => {
  const made = await ask(intent)
  assert.deepEqual([...made.url.searchParams.keys()].sort(), ['client_id', 'request'])
  const header = decodeProtectedHeader(made.url.searchParams.get('request'))
  assert.equal(header.typ, 'oauth-authz-req+jwt')
  // The library knows Ed25519 by the name of RFC 9864 alone.
  assert.equal(header.alg, alg === 'EdDSA' ? 'Ed25519' : alg)
  return made
})

// follow opens the URL as a browser would, and returns where that ends: at the
// redirect URI, which nobody serves here.
async function follow(url) {
  const response = await fetch(url, { redirect: 'manual' })
  assert.equal(response.status, 303, await response.text())
  const location = new URL(response.headers.get('location'))
  assert.equal(location.origin + location.pathname, redirectUri)
  assert.equal(location.search, '')
  return location
}

const parameters = (location) => new URLSearchParams(location.hash.slice(1))

const answer = await step('authorization', async () => {
  const location = await follow(request.url)
  const given = parameters(location)
  assert.equal(given.get('error'), null, given)
  for (const name of ['code', 'id_token', 'state']) assert.ok(given.get(name), `no ${name} in the fragment`)
  assert.equal(decodeProtectedHeader(given.get('id_token')).alg, alg)
  return location
})

// A second flow of the same client, for what must not work.
const other = await step('second_flow', async () => {
  const made = await ask(await lodge('once'))
  return { ...made, answer: await follow(made.url) }
})

// altered returns the answer with one parameter changed.
function altered(name, value) {
  const given = parameters(answer)
  given.set(name, value)
  const location = new URL(answer)
  location.hash = given.toString()
  return location
}

const exchange = (location, checks) => client.authorizationCodeGrant(config, location, checks)

// refused expects the library itself to stop before the code is sent; the
// exchange that follows with the same code proves that it did.
const refused = (location, checks, why) => assert.rejects(exchange(location, checks), (error) => {
  assert.match(`${error.message} ${error.cause?.message}`, why)
  return true
})

await step('tampered_state_refused', async () => {
  await refused(altered('state', client.randomState()), request.checks, /"state"/)
  // A client that compares with the wrong value is saved by s_hash.
  const state = client.randomState()
  await refused(altered('state', state), { ...request.checks, expectedState: state }, /"s_hash"/)
})
await step('swapped_code_refused', () => refused(
  altered('code', parameters(other.answer).get('code')), request.checks, /"c_hash"/))
await step('swapped_id_token_refused', () => refused(
  altered('id_token', parameters(other.answer).get('id_token')), request.checks, /"nonce"/))
await step('wrong_nonce_refused', () => refused(
  answer, { ...request.checks, expectedNonce: client.randomNonce() }, /"nonce"/))

const tokens = await step('code', async () => {
  const given = await exchange(answer, request.checks)
  assert.equal(given.scope, 'openid quote')
  assert.ok(given.refresh_token, 'no refresh token for a repeated intent')
  const claims = given.claims()
  assert.equal(claims.meflso_intent_id, intent)
  assert.equal(claims.sub, decodeJwt(parameters(answer).get('id_token')).sub)
  assert.equal(decodeProtectedHeader(given.id_token).alg, alg)
  return given
})

await step('userinfo', async () => {
  const { sub } = tokens.claims()
  assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).sub, sub)
})

await step('submission', async () => {
  const { status, data } = await call(tokens.access_token, 'POST', '/quote-submissions', { QuoteId: intent })
  assert.equal(status, 201)
  assert.equal(data.QuoteId, intent)
})

const refreshed = await step('refresh', async () => {
  const given = await client.refreshTokenGrant(config, tokens.refresh_token)
  assert.notEqual(given.access_token, tokens.access_token)
  assert.notEqual(given.refresh_token, tokens.refresh_token)
  assert.equal((await call(given.access_token, 'GET', `/quote/${intent}`)).status, 200)
  return given
})

await step('introspection', async () => {
  const about = await client.tokenIntrospection(config, refreshed.access_token)
  assert.equal(about.active, true)
  assert.equal(about.client_id, clientId)
  assert.equal(about.meflso_intent_id, intent)
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false, 'the token before the refresh')
})

await step('revocation', () => client.tokenRevocation(config, refreshed.access_token))
await step('inactive', async () => {
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, false)
  assert.equal((await call(refreshed.access_token, 'GET', `/quote/${intent}`).catch((error) => error)).status, 401)
})

await step('second_exchange_refused', async () => {
  const first = await exchange(other.answer, other.checks)
  assert.equal(first.refresh_token, undefined)
  await assert.rejects(exchange(other.answer, other.checks), (error) => {
    assert.equal(error.error, 'invalid_grant', error)
    assert.equal(error.status, 400)
    return true
  })
  // RFC 6749 §4.1.2: what the code had brought is revoked.
  assert.equal((await client.tokenIntrospection(config, first.access_token)).active, false)
})
