// A certified authorization server (oidc-provider) on loopback, by HTTP and by HTTPS, with a control endpoint for the tests.
// Prints one JSON line with its ports, and ends when its standard input ends: it never outlives the tests.
//
// node main.mjs FOLDER       FOLDER holds server.pem, server.key and ca.pem; a client certificate is asked for and never demanded
//
// PUT  /control/clients/ID   {metadata, terms}: registers a client          POST   /control/clients/ID/revoke: its tokens end
// GET  /control/clients/ID   {requests, issued, refused, methods, ...}      DELETE /control/clients/ID: client and counts go
// POST /control/clients/ID/revoke-access: all but its refresh tokens end
// POST /control/clients/ID/refresh-token   {resource, scopes}: a refresh token of its own, as from a browser
// POST /control/hushed       {hushed}: what was issued or shown since the last time
// POST /control/nonces       DPoP nonces given so far are no longer taken

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';

import { mintRefreshToken } from './grants.mjs';
import { createProvider } from './provider.mjs';
import {
  DEFAULT_RESOURCE, USER, completed, count, forget, register, revoke, takeHushed, tokensOf,
} from './store.mjs';

const BACKLOG = 1024;
const TENANT = '/tenants/one';
const KEEP_ALIVE = 60_000; // milliseconds
const [, , folder] = process.argv;
const file = (name) => readFileSync(join(folder, name));

let plain; // {provider, answer} of the HTTP listener
let secure; // of the HTTPS listener
let tenant; // of the HTTP listener, for an issuer with a path

function renew() {
  const tls = `https://127.0.0.1:${tlsServer.address().port}`;
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const aliases = { token_endpoint: `${tls}/token`, introspection_endpoint: `${tls}/token/introspection`, revocation_endpoint: `${tls}/token/revocation` };
  [plain, secure, tenant] = [
    createProvider(issuer, { aliases }),
    createProvider(tls),
    createProvider(`${issuer}${TENANT}`),
  ].map((provider) => ({ provider, answer: provider.callback() }));
}

async function read(request) {
  const body = [];
  for await (const part of request) body.push(part);
  return body.length ? JSON.parse(Buffer.concat(body).toString()) : {};
}

async function control(request) {
  const [, , kind, name = '', verb] = request.url.split('/');
  const id = decodeURIComponent(name);
  const said = await read(request);
  if (request.method === 'POST' && kind === 'nonces') {
    renew();
    return {};
  }
  if (request.method === 'POST' && kind === 'hushed') return { hushed: takeHushed() };
  switch (`${request.method} ${verb ?? ''}`.trim()) {
    case 'PUT': {
      const client = completed(id, said);
      await plain.provider.Client.validate(client.metadata);
      register(id, client);
      break;
    }
    case 'DELETE': forget(id); break;
    case 'POST revoke': revoke(tokensOf(id)); break;
    case 'POST revoke-access': revoke(tokensOf(id).filter((key) => !key.startsWith('RefreshToken:'))); break;
    case 'POST refresh-token': {
      const { resource = DEFAULT_RESOURCE, scopes = ['api:read'] } = said;
      return { refresh_token: await mintRefreshToken(plain.provider, id, resource, scopes) };
    }
    case 'GET': break;
    default: throw new Error(`no such control: ${request.method} ${request.url}`);
  }
  return { ...count(id), live: tokensOf(id).length };
}

async function controlled(request, response) {
  response.setHeader('Content-Type', 'application/json');
  try {
    response.end(JSON.stringify(await control(request)));
  } catch (error) {
    response.statusCode = 400;
    response.end(JSON.stringify({ error: error.message, error_description: error.error_description }));
  }
}

// An issuer with a path has its metadata behind the well-known name (RFC 8414 §3.1), or before it (OpenID Connect Discovery §4.1).
function mounted(request) {
  const inserted = `/.well-known/oauth-authorization-server${TENANT}`;
  const path = request.url === inserted ? `${TENANT}/.well-known/oauth-authorization-server` : request.url;
  if (!path.startsWith(`${TENANT}/`)) return plain.answer;
  request.originalUrl = path;
  request.url = path.slice(TENANT.length);
  return tenant.answer;
}

const server = createServer((request, response) => {
  (request.url.startsWith('/control/') ? controlled : mounted(request))(request, response);
});
const tlsServer = createTlsServer(
  {
    cert: file('server.pem'), key: file('server.key'), ca: file('ca.pem'), requestCert: true, rejectUnauthorized: false,
  },
  (request, response) => secure.answer(request, response),
);

function listen(listener) {
  listener.keepAliveTimeout = KEEP_ALIVE;
  return new Promise((resolve) => {
    listener.listen(0, '127.0.0.1', BACKLOG, resolve);
  });
}

await Promise.all([listen(server), listen(tlsServer)]);
renew();
process.stdout.write(`${JSON.stringify({ port: server.address().port, tls_port: tlsServer.address().port, tenant: TENANT, user: USER })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
