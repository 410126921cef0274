// FAPI 1.0 Advanced, played by openid-client as it is: pushed requests, signed
// responses (JARM), mutual TLS at the aliases, and encrypted answers where the
// client registered for them. Everything that the server signed or encrypted is
// opened once more with jose alone.
import assert from 'node:assert/strict'
import { instructions, step } from './common.mjs'
import { connect, foreign, jwks, key, open, presenting, refusal, without } from './bank.mjs'
import * as client from 'openid-client'
import { CompactEncrypt, importJWK } from 'jose'

const { issuer, resource, clientId, redirectUri, method, thumbprint } = instructions

const config = await step('discovery', () => connect(presenting))
client.useJwtResponseMode(config)

const server = config.serverMetadata()
await step('metadata', () => {
  assert.equal(server.tls_client_certificate_bound_access_tokens, true)
  assert.ok(server.token_endpoint_auth_methods_supported.includes(method), server.token_endpoint_auth_methods_supported)
  assert.deepEqual(server.code_challenge_methods_supported, ['S256'])
  assert.ok(server.response_modes_supported.includes('jwt'))
  for (const name of ['token', 'pushed_authorization_request', 'introspection', 'revocation', 'userinfo']) {
    const alias = server.mtls_endpoint_aliases[`${name}_endpoint`]
    assert.equal(new URL(alias).origin, new URL(resource).origin, name)
    assert.equal(new URL(alias).pathname, new URL(server[`${name}_endpoint`]).pathname, name)
  }
})

const own = await step('client_credentials', async () => {
  const tokens = await client.clientCredentialsGrant(config, { scope: 'accounts' })
  assert.equal(tokens.scope, 'accounts')
  const about = await client.tokenIntrospection(config, tokens.access_token)
  assert.deepEqual(about.cnf, { 'x5t#S256': thumbprint })
  return tokens
})

await step('no_certificate_refused', async () => {
  const byCertificate = method !== 'private_key_jwt'
  await assert.rejects(client.clientCredentialsGrant(await connect(without), { scope: 'accounts' }),
    refusal(...(byCertificate ? ['invalid_client', 401] : ['invalid_request', 400])))
  if (byCertificate) {
    await assert.rejects(client.clientCredentialsGrant(await connect(foreign), { scope: 'accounts' }), refusal('invalid_client', 401))
  }
})

// ask pushes a request, and returns the URL and what the answer is checked
// against.
async function ask(configuration, parameters = {}, push = true) {
  const checks = {
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    maxAge: 300,
  }
  const asked = await client.buildAuthorizationUrlWithJAR(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid accounts',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    max_age: String(checks.maxAge),
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...parameters,
  }, key)
  const url = push ? await client.buildAuthorizationUrlWithPAR(configuration, asked.searchParams) : asked
  return { url, checks }
}

const request = await step('pushed_request', async () => {
  const made = await ask(config)
  assert.deepEqual([...made.url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  assert.match(made.url.searchParams.get('request_uri'), /^urn:ietf:params:oauth:request_uri:.{22,}$/)
  return made
})

await step('bad_push_refused', async () => {
  await assert.rejects(ask(config, { code_challenge_method: 'plain' }), refusal('invalid_request', 400))
  await assert.rejects(client.buildAuthorizationUrlWithPAR(config, { redirect_uri: redirectUri, scope: 'openid' }), refusal('invalid_request', 400))
  await assert.rejects(ask(config, { scope: 'openid payments' }), refusal('invalid_scope', 400))
})

// visit opens the URL as a browser would, which has no certificate.
const visit = (url) => without(url.href)

async function follow(url) {
  const answer = await visit(url)
  assert.equal(answer.status, 303, await answer.text())
  const location = new URL(answer.headers.get('location'))
  assert.equal(location.origin + location.pathname, redirectUri)
  return location
}

const answer = await step('signed_response', async () => {
  const location = await follow(request.url)
  assert.equal(location.hash, '')
  assert.deepEqual([...location.searchParams.keys()], ['response'])
  const payload = await open(location.searchParams.get('response'))
  assert.equal(payload.state, request.checks.expectedState)
  assert.ok(payload.code)
  assert.ok(payload.exp - Date.now() / 1000 <= 600, 'it lives longer than ten minutes')
  assert.equal(payload.error, undefined)
  return location
})

await step('request_uri_is_spent', async () => {
  const again = await visit(request.url)
  assert.equal(again.status, 400)
  assert.equal(again.headers.get('location'), null)
})

const exchange = (location, checks, through = config) => client.authorizationCodeGrant(through, location, checks)

// refused expects the library itself to stop before the code is sent.
const refused = (location, checks, why) => assert.rejects(exchange(location, checks), (error) => {
  assert.match(`${error.message} ${error.cause?.message}`, why)
  return true
})

await step('answers_refused', async () => {
  const response = answer.searchParams.get('response')
  const broken = new URL(answer)
  broken.searchParams.set('response', response.slice(0, -12) + 'AAAAAAAAAAAA')
  await refused(broken, request.checks, /signature|decrypt/i)
  const plain = new URL(redirectUri)
  plain.search = new URLSearchParams({ code: 'x', state: request.checks.expectedState, iss: issuer })
  await refused(plain, request.checks, /JARM|response/)
  await refused(answer, { ...request.checks, expectedState: client.randomState() }, /state/)
})

const tokens = await step('code', async () => {
  const given = await exchange(answer, request.checks)
  assert.equal(given.scope, 'openid accounts')
  assert.ok(given.refresh_token, 'no refresh token')
  const payload = await open(given.id_token)
  assert.equal(payload.nonce, request.checks.expectedNonce)
  assert.equal(payload.sub, given.claims().sub)
  assert.notEqual(payload.sub, 'alice')
  return given
})

const { sub } = tokens.claims()

// read calls the API with a token.
async function read(token, through = presenting) {
  const response = await through(resource + '/resource', { headers: { authorization: `Bearer ${token}` } })
  return { status: response.status, body: await response.json() }
}

await step('resource', async () => {
  const { status, body } = await read(tokens.access_token)
  assert.equal(status, 200)
  assert.equal(body.sub, sub)
  assert.equal((await read(tokens.access_token, without)).status, 401)
  assert.equal((await read(tokens.access_token, foreign)).status, 401)
  assert.equal((await read(own.access_token)).status, 403)
})

await step('userinfo', async () => {
  assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).sub, sub)
})

const refreshed = await step('refresh', async () => {
  const given = await client.refreshTokenGrant(config, tokens.refresh_token)
  assert.notEqual(given.access_token, tokens.access_token)
  assert.notEqual(given.refresh_token, tokens.refresh_token)
  assert.equal((await read(given.access_token)).status, 200)
  if (given.id_token) assert.equal((await open(given.id_token)).sub, sub)
  return given
})

await step('refresh_with_another_certificate_refused', async () => {
  const { url, checks } = await ask(config)
  const given = await exchange(await follow(url), checks)
  const byCertificate = method !== 'private_key_jwt'
  await assert.rejects(client.refreshTokenGrant(await connect(foreign), given.refresh_token),
    refusal(...(byCertificate ? ['invalid_client', 401] : ['invalid_grant', 400])))
})

await step('introspection', async () => {
  const about = await client.tokenIntrospection(config, refreshed.access_token)
  assert.equal(about.active, true)
  assert.equal(about.client_id, clientId)
  assert.equal(about.sub, sub)
  assert.deepEqual(about.cnf, { 'x5t#S256': thumbprint })
})

await step('revocation', () => client.tokenRevocation(config, refreshed.access_token))
await step('inactive', async () => {
  assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, false)
  assert.equal((await read(refreshed.access_token)).status, 401)
})

await step('wrong_verifier_refused', async () => {
  const { url, checks } = await ask(config)
  const location = await follow(url)
  await assert.rejects(exchange(location, { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }), refusal('invalid_grant', 400))
})

await step('second_exchange_refused', async () => {
  const { url, checks } = await ask(config)
  const location = await follow(url)
  const first = await exchange(location, checks)
  await assert.rejects(exchange(location, checks), refusal('invalid_grant', 400))
  assert.equal((await client.tokenIntrospection(config, first.access_token)).active, false)
})

await step('error_in_signed_response', async () => {
  const claims = { id_token: { acr: { value: 'urn:example:unheard-of', essential: true } } }
  const { url, checks } = await ask(config, { claims: JSON.stringify(claims) })
  const location = await follow(url)
  assert.deepEqual([...location.searchParams.keys()], ['response'])
  const payload = await open(location.searchParams.get('response'))
  assert.equal(payload.error, 'unmet_authentication_requirements')
  assert.equal(payload.state, checks.expectedState)
  assert.equal(payload.code, undefined)
  await assert.rejects(exchange(location, checks), (error) => {
    assert.equal(error.error, 'unmet_authentication_requirements', error)
    return true
  })
})

// The request object goes to each of the server's encryption keys, pushed and
// through the browser.
await step('encrypted_request', async () => {
  const keys = jwks.keys.filter(({ use }) => use === 'enc')
  assert.ok(keys.length > 0, 'the server publishes no key for encryption')
  for (const to of keys) {
    const recipient = await importJWK(to, to.alg)
    for (const push of [true, false]) {
      const { url, checks } = await ask(config, {}, false)
      const object = await new CompactEncrypt(new TextEncoder().encode(url.searchParams.get('request')))
        .setProtectedHeader({ alg: to.alg, enc: 'A256GCM', kid: to.kid, cty: 'JWT' }).encrypt(recipient)
      url.searchParams.set('request', object)
      const location = await follow(push ? await client.buildAuthorizationUrlWithPAR(config, url.searchParams) : url)
      assert.ok((await exchange(location, checks)).access_token)
    }
  }
})

// The other way: the ID Token in front is the detached signature.
const hybrid = await connect(presenting)
client.useCodeIdTokenResponseType(hybrid)
client.enableDetachedSignatureResponseChecks(hybrid)

await step('hybrid', async () => {
  const { url, checks } = await ask(hybrid, {}, false)
  const location = await follow(url)
  assert.equal(location.search, '')
  const given = new URLSearchParams(location.hash.slice(1))
  const payload = await open(given.get('id_token'))
  assert.equal(payload.sub, sub, 'another name for the same user')
  assert.ok(payload.c_hash && payload.s_hash)
  assert.equal((await exchange(location, checks, hybrid)).claims().sub, sub)
})
