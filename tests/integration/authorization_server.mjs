// A certified authorization server (oidc-provider) on loopback, with a control endpoint for the tests.
// Prints one JSON line with its port, and ends when its standard input ends: it never outlives the tests.
//
// PUT  /control/clients/ID   {secret, ttl, scope}: registers a client      POST   /control/clients/ID/revoke: its tokens end
// GET  /control/clients/ID   {requests, issued, refused, methods, live}    DELETE /control/clients/ID: client and counts go

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const RESOURCE = 'urn:bearerd:api';
const SCOPES = 'api:read api:write';
const clients = new Map(); // id -> {secret, ttl, scope}
const counts = new Map(); // id -> {requests, issued, refused, methods}
const stored = new Map(); // "Model:id" -> {payload, until}

class Memory {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async find(id) {
    if (this.model === 'Client') return metadata(id);
    const entry = stored.get(this.key(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async upsert(id, payload, expiresIn) {
    stored.set(this.key(id), { payload, until: Date.now() + (expiresIn ?? 86400) * 1000 });
  }

  async destroy(id) {
    stored.delete(this.key(id));
  }

  async consume(id) {
    stored.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000);
  }

  async findByUid() {}

  async findByUserCode() {}

  async revokeByGrantId() {}
}

function metadata(id) {
  const client = clients.get(id);
  return client && {
    client_id: id,
    client_secret: client.secret,
    scope: client.scope,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
  };
}

function count(id) {
  if (!counts.has(id)) counts.set(id, { requests: 0, issued: 0, refused: 0, methods: {} });
  return counts.get(id);
}

function tokensOf(id) {
  return [...stored].filter(([, entry]) => entry.payload.clientId === id && entry.until > Date.now()).map(([key]) => key);
}

const provider = new Provider('http://localhost', {
  adapter: Memory,
  scopes: ['openid', ...SCOPES.split(' '), 'api:admin'],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      getResourceServerInfo: () => ({ scope: SCOPES, audience: RESOURCE, accessTokenFormat: 'opaque' }),
    },
  },
  ttl: { ClientCredentials: (ctx, token, client) => clients.get(client.clientId).ttl },
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.path !== '/token') return;
  const basic = /^Basic (.+)$/.exec(ctx.headers.authorization ?? '');
  const id = basic
    ? decodeURIComponent(Buffer.from(basic[1], 'base64').toString().split(':')[0].replaceAll('+', ' '))
    : ctx.oidc?.params?.client_id;
  const seen = count(id ?? '');
  const method = basic ? 'client_secret_basic' : 'client_secret_post';
  seen.requests += 1;
  seen.methods[method] = (seen.methods[method] ?? 0) + 1;
  seen[ctx.status === 200 ? 'issued' : 'refused'] += 1;
});

async function control(request, response) {
  const [, , , name, verb] = request.url.split('/');
  const id = decodeURIComponent(name);
  const body = [];
  for await (const part of request) body.push(part);
  if (request.method === 'PUT') {
    clients.set(id, { ttl: 3600, scope: SCOPES, ...JSON.parse(Buffer.concat(body).toString()) });
  } else if (request.method === 'DELETE') {
    clients.delete(id);
    counts.delete(id);
  } else if (request.method === 'POST' && verb === 'revoke') {
    tokensOf(id).forEach((key) => stored.delete(key));
  }
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ ...count(id), live: tokensOf(id).length }));
}

const answer = provider.callback();
const server = createServer((request, response) => {
  (request.url.startsWith('/control/') ? control : answer)(request, response);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 1024, () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
