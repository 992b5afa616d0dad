// Counts every token request under its client, by the method and the grant that were really sent.
// A client that registered one place for its secret (the term `strict`) gets no token when it sends it in another.

import { decodeProtectedHeader } from 'jose';

import { count, hush, revoke, terms } from './store.mjs';

const BASIC = /^Basic (.+)$/i;
const TLS = ['tls_client_auth', 'self_signed_tls_client_auth'];

function basicId(ctx) {
  const id = Buffer.from(BASIC.exec(ctx.headers.authorization ?? '')?.[1] ?? '', 'base64').toString().split(':')[0];
  try {
    return decodeURIComponent(id.replaceAll('+', ' '));
  } catch {
    return id;
  }
}

function methodOf(ctx) {
  const { params = {}, client } = ctx.oidc ?? {};
  if (BASIC.test(ctx.headers.authorization ?? '')) return 'client_secret_basic';
  if (params.client_secret) return 'client_secret_post';
  if (params.client_assertion) {
    try {
      return decodeProtectedHeader(params.client_assertion).alg.startsWith('HS') ? 'client_secret_jwt' : 'private_key_jwt';
    } catch {
      return 'private_key_jwt';
    }
  }
  return TLS.includes(client?.clientAuthMethod) ? client.clientAuthMethod : 'none';
}

const SHOWN = ['client_secret', 'client_assertion', 'assertion', 'refresh_token', 'subject_token', 'actor_token', 'password'];
const ISSUED = ['access_token', 'refresh_token', 'id_token'];

// A test that looks for secrets in what a client says asks for these.
function noted(ctx) {
  hush(...SHOWN.map((name) => ctx.oidc?.params?.[name]), ...ISSUED.map((name) => ctx.body?.[name]));
  hush(ctx.headers.authorization?.split(' ')[1], ctx.headers.dpop);
}

function add(numbers, name) {
  numbers[name] = (numbers[name] ?? 0) + 1;
}

export async function counted(ctx, next) {
  await next();
  if (ctx.path !== '/token') return;
  noted(ctx);
  const client = ctx.oidc?.client;
  const method = methodOf(ctx);
  if (ctx.status === 200 && terms(client.clientId).strict && method !== client.clientAuthMethod) {
    const { access_token: access, refresh_token: refresh } = ctx.body;
    revoke([`AccessToken:${access}`, `ClientCredentials:${access}`, `RefreshToken:${refresh}`]);
    ctx.status = 401;
    ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' };
  }
  const seen = count(client?.clientId ?? ctx.oidc?.params?.client_id ?? basicId(ctx));
  seen.requests += 1;
  add(seen.methods, method);
  add(seen.grants, ctx.oidc?.params?.grant_type ?? '');
  seen[ctx.status === 200 ? 'issued' : 'refused'] += 1;
}
