// What every grant of our own shares: bind the token to its DPoP key or certificate, its resources and scope, and answer it.
// The password grant (RFC 6749 §4.3) stands here; assertions.mjs and exchange.mjs have the others.

import { timingSafeEqual } from 'node:crypto';
import { errors } from 'oidc-provider';
import * as helpers from 'oidc-provider/lib/helpers/grants.js';

import { USER, account } from './store.mjs';

const { InvalidGrant, InvalidRequest } = errors;

export function required(ctx, ...names) {
  const missing = names.filter((name) => !ctx.oidc.params[name]);
  if (missing.length) throw new InvalidRequest(`missing required parameter(s): ${missing.join(', ')}`);
}

// Proofs come first: a nonce is demanded before anything that may be used once is used.
export async function proven(ctx) {
  const { provider, client } = ctx.oidc;
  const dPoP = await helpers.validateDpop(provider, ctx);
  helpers.checkDpopRequired(provider, ctx, dPoP);
  await helpers.checkDpopReplay(provider, ctx, dPoP, client.clientId);
  return { jkt: dPoP?.thumbprint, certificate: helpers.checkMtlsCert(provider, ctx) };
}

function bind(token, { jkt, certificate }) {
  if (certificate) token.setThumbprint('x5t', certificate);
  if (jkt) token.setThumbprint('jkt', jkt);
}

async function saveGrant(provider, client, accountId, servers, scopes) {
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  servers.forEach((server) => grant.addResourceScope(server.identifier(), scopes.join(' ')));
  return grant.save();
}

export async function issue(ctx, { accountId, gty, proof, act, issuedTokenType, refresh = true }) {
  const { provider, client } = ctx.oidc;
  if (!account(accountId)) throw new InvalidGrant('the subject is not known here');
  const servers = await helpers.resolveRequestedResources(provider, ctx);
  const offered = new Set(servers.flatMap((server) => [...server.scopes]));
  const scopes = [...helpers.validateClientScope(provider, ctx)].filter((scope) => offered.has(scope));
  const grantId = await saveGrant(provider, client, accountId, servers, scopes);
  const token = new provider.AccessToken({ accountId, client, grantId, gty, scope: scopes.join(' ') || undefined });
  const audiences = servers.map((server) => server.audience);
  [token.resourceServer] = servers;
  token.aud = audiences.length === 1 ? audiences[0] : audiences;
  token.extra = act && { act };
  bind(token, proof);
  ctx.oidc.entity('AccessToken', token);
  const accessToken = await token.save();
  const refreshToken = refresh && client.grantTypeAllowed('refresh_token')
    ? await bound(ctx, token, refreshTokenFor(provider, client, { accountId, grantId, gty, scopes, resources: servers.map((server) => server.identifier()) }))
    : undefined;
  ctx.body = helpers.buildTokenResponse(provider, {
    accessToken, refreshToken, issuedTokenType, expiresIn: token.expiration, scope: token.scope, tokenType: token.tokenType,
  });
}

// RFC 9449 §5: a public client's refresh token belongs to its key as well.
async function bound(ctx, accessToken, refreshToken) {
  await helpers.applyRefreshTokenBindings(ctx.oidc.provider, ctx, accessToken, refreshToken);
  return refreshToken.save();
}

function refreshTokenFor(provider, client, { accountId, grantId, gty, scopes, resources }) {
  return new provider.RefreshToken({ accountId, client, grantId, gty, rotations: 0, scope: scopes.join(' '), resource: resources });
}

// A refresh token as an administrator gets it once from a browser, without the browser.
export async function mintRefreshToken(provider, id, resource, scopes) {
  const client = await provider.Client.find(id);
  const grant = new provider.Grant({ accountId: USER.name, clientId: id });
  grant.addResourceScope(resource, scopes.join(' '));
  const grantId = await grant.save();
  return refreshTokenFor(provider, client, { accountId: USER.name, grantId, gty: 'authorization_code', scopes, resources: [resource] }).save();
}

function matches(given, wanted) {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function passwordGrant(provider) {
  const handler = async (ctx) => {
    required(ctx, 'username', 'password');
    const proof = await proven(ctx);
    const { username, password } = ctx.oidc.params;
    if (!matches(username, USER.name) || !matches(password, USER.password)) throw new InvalidGrant('wrong username or password');
    await issue(ctx, { accountId: USER.name, gty: 'password', proof });
  };
  provider.registerGrantType('password', handler, ['username', 'password', 'scope', 'resource'], 'resource');
}
