// The client that advanced.mjs plays: how it connects, and how it opens what the
// server signed or encrypted, by jose alone.
import assert from 'node:assert/strict'
import { instructions } from './common.mjs'
import { fetchWith } from './tls.mjs'
import * as client from 'openid-client'
import * as jose from 'jose'

const { issuer, clientId, alg, jwk, method, encryption, certificate, other } = instructions

export const key = { key: await jose.importJWK(jwk, alg), kid: jwk.kid }
export const presenting = fetchWith(certificate)
export const without = fetchWith()
export const foreign = fetchWith(other)

const authentication = {
  private_key_jwt: () => client.PrivateKeyJwt(key),
  tls_client_auth: () => client.TlsClientAuth(),
  self_signed_tls_client_auth: () => client.TlsClientAuth(), // the same for a client
}[method]

// connect makes a configuration; through is the fetch of all its calls.
export async function connect(through) {
  const config = await client.discovery(new URL(issuer), clientId, {
    id_token_signed_response_alg: alg,
    authorization_signed_response_alg: alg,
    tls_client_certificate_bound_access_tokens: true,
    use_mtls_endpoint_aliases: true,
  }, authentication(), { [client.customFetch]: through })
  client.enableNonRepudiationChecks(config)
  if (encryption) {
    const own = await jose.importJWK(encryption.jwk, encryption.alg)
    client.enableDecryptingResponses(config, [encryption.enc], { key: own, alg: encryption.alg, kid: encryption.jwk.kid })
  }
  return config
}

const discovered = await connect(without)
export const jwks = await (await without(discovered.serverMetadata().jwks_uri)).json()

// open decrypts and verifies a JWT of the server's by jose alone.
export async function open(token) {
  if (encryption) {
    const own = await jose.importJWK(encryption.jwk, encryption.alg)
    const { plaintext, protectedHeader } = await jose.compactDecrypt(token, own)
    assert.equal(protectedHeader.alg, encryption.alg)
    assert.equal(protectedHeader.enc, encryption.enc)
    assert.equal(protectedHeader.cty, 'JWT')
    assert.equal(protectedHeader.kid, encryption.jwk.kid)
    token = new TextDecoder().decode(plaintext)
  }
  const { payload, protectedHeader } = await jose.jwtVerify(token, jose.createLocalJWKSet(jwks),
    { issuer, audience: clientId, algorithms: [alg], requiredClaims: ['exp'] })
  assert.ok(jwks.keys.some(({ kid, use }) => kid === protectedHeader.kid && use === 'sig'))
  return payload
}

// refusal tells whether the server answered with this error and status.
export const refusal = (code, status) => (error) => {
  assert.equal(error.error, code, error)
  assert.equal(error.status, status)
  return true
}
