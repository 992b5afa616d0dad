// The provider: oidc-provider with every client authentication method, DPoP, certificates, resources, and the grants beside its own.
// Nothing that it verifies is verified less here; what a single client may do differently is a term in store.mjs.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider, { errors } from 'oidc-provider';

import { assertionGrants, identified } from './assertions.mjs';
import * as certificates from './certificates.mjs';
import { passwordGrant } from './grants.mjs';
import { tokenExchange } from './exchange.mjs';
import { DEFAULT_RESOURCE, Memory, RESOURCES, SCOPES, account, terms } from './store.mjs';
import { counted } from './counting.mjs';

const HMAC = ['HS256', 'HS384', 'HS512'];
const SIGNATURES = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const KEY = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'server' };

export function createProvider(issuer, { aliases } = {}) {
  // Its own issuer as a resource: the token is a JWT, which another client may bring as its assertion.
  const resources = new Map([
    ...RESOURCES,
    [issuer, { scope: 'api:read', audience: issuer, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }],
  ]);
  const provider = new Provider(issuer, {
    adapter: Memory,
    jwks: { keys: [KEY] },
    scopes: ['openid', ...SCOPES],
    clientDefaults: { grant_types: [], response_types: [], id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: [
      'none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: [...HMAC, ...SIGNATURES],
      dPoPSigningAlgValues: SIGNATURES,
      idTokenSigningAlgValues: ['ES256'],
    },
    discovery: aliases && { mtls_endpoint_aliases: aliases },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: (ctx) => terms(ctx.oidc.client?.clientId).dpop_nonce },
      introspection: { enabled: true },
      mTLS: {
        enabled: true, certificateBoundAccessTokens: true, selfSignedTlsClientAuth: true, tlsClientAuth: true, ...certificates,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client, oneOf) => (oneOf?.length === 1 ? oneOf[0] : oneOf ?? DEFAULT_RESOURCE),
        getResourceServerInfo: (ctx, resource) => {
          if (!resources.has(resource)) throw new errors.InvalidTarget('no such resource');
          return resources.get(resource);
        },
      },
      revocation: { enabled: true },
      userinfo: { enabled: false },
    },
    assertJwtClientAuthClaimsAndHeader: (ctx, claims, header, client) => {
      const missing = Object.entries(terms(client.clientId).assertion_header).some(([name, value]) => header[name] !== value);
      if (missing) throw new errors.InvalidClientAuth('the header of the client assertion lacks what this client registered');
    },
    extraTokenClaims: (ctx, token) => token.extra, // `act` of a token exchange
    findAccount: (ctx, name) => account(name),
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: (ctx) => terms(ctx.oidc.client.clientId).rotate,
    ttl: {
      AccessToken: (ctx, token, client) => terms(client.clientId).ttl,
      ClientCredentials: (ctx, token, client) => terms(client.clientId).ttl,
      RefreshToken: (ctx, token, client) => terms(client.clientId).refresh_ttl,
      Grant: 86400,
    },
  });
  provider.on('grant.error', (ctx, error) => {
    process.stderr.write(`${error.error}: ${error.error_detail ?? error.error_description ?? ''} ${error.cause?.message ?? ''}\n`);
  });
  passwordGrant(provider);
  assertionGrants(provider);
  tokenExchange(provider);
  provider.use(counted);
  provider.use(identified);
  return provider;
}
