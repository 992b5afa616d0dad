// Assertions as grants: JWT (RFC 7523) and SAML 2.0 (RFC 7522), their signatures verified with the keys that the client registered.
// An assertion of the client's own is worth one token, once.

import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';
import * as querystring from 'node:querystring';

import { issue, proven, required } from './grants.mjs';
import { issuerOf, verifySaml } from './saml.mjs';
import { terms } from './store.mjs';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const SAML_BEARER = 'urn:ietf:params:oauth:grant-type:saml2-bearer';
const { InvalidGrant } = errors;

const PARAMETERS = ['assertion', 'scope', 'resource'];
const LONGEST = 3600; // seconds from iat to exp

function why(cause) {
  return cause instanceof errors.OIDCProviderError ? cause : new InvalidGrant({ cause });
}

async function once(ctx, id, until) {
  const unique = await ctx.oidc.provider.ReplayDetection.unique(`assertion ${ctx.oidc.client.clientId}`, id, until);
  if (!unique) throw new InvalidGrant('this assertion was used before');
}

async function verifyJwt(ctx) {
  const { client, params } = ctx.oidc;
  const issuers = { [client.clientId]: client.jwks, ...terms(client.clientId).issuers };
  const { iss } = decodeJwt(params.assertion);
  if (!Object.hasOwn(issuers, iss ?? '') || !issuers[iss]) throw new InvalidGrant('unknown issuer of the assertion');
  const { payload } = await jwtVerify(params.assertion, createLocalJWKSet(issuers[iss]), {
    issuer: iss,
    audience: [...ctx.oidc.clientJwtAuthExpectedAudience()],
    requiredClaims: ['sub', 'aud', 'exp', 'iat'],
  });
  if (payload.exp - payload.iat > LONGEST) throw new InvalidGrant('the assertion lives too long');
  // The token of another issuer is shown again and again until it ends; what the client signs itself is for once.
  if (iss === client.clientId) await once(ctx, payload.jti ?? params.assertion, payload.exp);
  return payload.sub;
}

async function verifyXml(ctx) {
  const { client, params } = ctx.oidc;
  const told = verifySaml(Buffer.from(params.assertion, 'base64url').toString(), {
    certificate: terms(client.clientId).saml_certificate,
    issuer: client.clientId,
    audiences: ctx.oidc.clientJwtAuthExpectedAudience(),
    recipient: ctx.oidc.urlFor('token'),
  });
  await once(ctx, told.id, told.until);
  return told.subject;
}

export function assertionGrants(provider) {
  for (const [gty, verify] of [[JWT_BEARER, verifyJwt], [SAML_BEARER, verifyXml]]) {
    const handler = async (ctx) => {
      required(ctx, 'assertion');
      const proof = await proven(ctx);
      const accountId = await verify(ctx).catch((cause) => {
        throw why(cause);
      });
      await issue(ctx, { accountId, gty, proof });
    };
    provider.registerGrantType(gty, handler, PARAMETERS, 'resource');
  }
}

// RFC 7521 §4.1: a client may leave itself out, since the assertion names its issuer; oidc-provider wants client_id.
export async function identified(ctx, next) {
  if (ctx.path !== '/token' || !ctx.is('application/x-www-form-urlencoded') || ctx.headers.authorization) return next();
  const chunks = [];
  for await (const chunk of ctx.req) chunks.push(chunk);
  const form = querystring.parse(Buffer.concat(chunks).toString());
  if ([JWT_BEARER, SAML_BEARER].includes(form.grant_type) && typeof form.assertion === 'string' && !form.client_id && !form.client_assertion) {
    try {
      form.client_id = form.grant_type === JWT_BEARER ? decodeJwt(form.assertion).iss : issuerOf(Buffer.from(form.assertion, 'base64url').toString());
    } catch {
      // an assertion that cannot be read is refused for that, by its grant
    }
  }
  ctx.req.body = form;
  return next();
}
