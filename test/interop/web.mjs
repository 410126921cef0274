// A resolver of did:web that finds every host on this machine.
import dns from 'node:dns'
import https from 'node:https'
import { Resolver } from 'did-resolver'
import { getResolver } from 'web-did-resolver'

https.globalAgent.options.lookup = (_, options, done) => dns.lookup('127.0.0.1', options, done)

export const resolver = new Resolver(getResolver())
