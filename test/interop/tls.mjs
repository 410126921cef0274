// A fetch that presents a client certificate, as customFetch of openid-client.
// The one of Node.js takes none without another package.
import https from 'node:https'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'

const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS)

// fetchWith returns a fetch for the certificate, or one without any.
export function fetchWith(certificate) {
  const agent = new https.Agent({ ca, ...certificate })
  return async (url, { method = 'GET', headers = {}, body } = {}) => {
    const request = https.request(url, { agent, method, headers: Object.fromEntries(new Headers(headers)) })
    request.end(body == null ? undefined : Buffer.from(body instanceof URLSearchParams ? body.toString() : body))
    const [answer] = await once(request, 'response')
    const content = await buffer(answer)
    const given = new Headers()
    for (let i = 0; i < answer.rawHeaders.length; i += 2) given.append(answer.rawHeaders[i], answer.rawHeaders[i + 1])
    return new Response(content.length ? content : null, { status: answer.statusCode, headers: given })
  }
}
