// @fastify/http-proxy for each prefix, with one undici pool for all; a preHandler sees to it that a token is at hand.
import { readFileSync } from 'node:fs'
import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import { Pool } from 'undici'
import { Tokens } from './tokens.mjs'

const told = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tokens = new Tokens(told)
const pool = new Pool(told.upstream, {
  connections: 1024,
  keepAliveTimeout: 60_000, // milliseconds, as the plugin sets it for a pool of its own
  connect: told.ca ? { ca: readFileSync(told.ca) } : {}
})
const server = Fastify({ logger: false, pluginTimeout: 0 }) // 10,000 prefixes take long

// The API's own Connection header would go to the caller, and say keep-alive on a connection that is about to close.
function withoutConnection({ connection: _, ...headers }) {
  return headers
}

function ready(request, _reply, done) {
  const held = tokens.held
  if (held) {
    request.token = held
    done()
    return
  }
  tokens.fetched().then((token) => { request.token = token; done() }, done)
}

server.decorateRequest('token', '')
for (const prefix of told.prefixes) {
  server.register(proxy, {
    prefix,
    upstream: told.upstream,
    undici: pool,
    preHandler: ready,
    replyOptions: {
      rewriteRequestHeaders: (request, headers) => ({ ...headers, authorization: `Bearer ${request.token}` }),
      rewriteHeaders: withoutConnection
    }
  })
}
await server.listen({ host: '127.0.0.1', port: told.port, backlog: 4096 })
