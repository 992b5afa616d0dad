// What the authorization server knows: clients and their terms, users, resources, tokens, and counts of token requests.
// Every listener and every provider object reads the same maps, so that a token is worth the same at each of them.

export const USER = { name: 'legacy.app@example', password: 'p4ss/w+rd =%&?é' };
export const SCOPES = ['api:read', 'api:write', 'api:admin'];
export const DEFAULT_RESOURCE = 'urn:bearerd:api';
const OFFERED = 'api:read api:write'; // api:admin exists, and no resource grants it
export const RESOURCES = new Map([
  [DEFAULT_RESOURCE, { scope: OFFERED, audience: DEFAULT_RESOURCE, accessTokenFormat: 'opaque' }],
  ['https://api.example/orders', { scope: OFFERED, audience: 'https://api.example/orders', accessTokenFormat: 'opaque' }],
  ['https://api.example/stock', { scope: 'api:read', audience: 'https://api.example/stock', accessTokenFormat: 'opaque' }],
]);

const clients = new Map(); // id -> {metadata, terms}
const hushed = []; // what was issued or shown and must not be told
const counts = new Map(); // id -> {requests, issued, refused, methods, grants}
const stored = new Map(); // "Model:id" -> {payload, until}

// How this server treats a client, beyond its metadata.
const TERMS = {
  ttl: 3600, // seconds that its access tokens live
  refresh_ttl: 86400, // seconds that its refresh tokens live
  rotate: true, // each refresh answers a new refresh token, and a used one ends the whole grant
  dpop_nonce: true, // its DPoP proofs must carry a nonce
  strict: false, // its secret is taken in its registered place alone
  assertion_header: {}, // what the header of its client assertion must hold
  issuers: {}, // issuer -> {keys}: whose JWTs it may bring besides its own
  saml_certificate: '', // PEM: who signs its SAML assertions
};

export class Memory {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async find(id) {
    if (this.model === 'Client') return clients.get(id)?.metadata;
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

  async revokeByGrantId(grantId) {
    for (const [key, { payload }] of stored) {
      if (key.startsWith(`${this.model}:`) && payload.grantId === grantId) stored.delete(key);
    }
  }
}

export const terms = (id) => clients.get(id)?.terms ?? TERMS;

export function completed(id, { metadata, terms: given }) {
  return {
    metadata: { client_id: id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], ...metadata },
    terms: { ...TERMS, ...given },
  };
}

export const register = (id, client) => clients.set(id, client);

export function forget(id) {
  clients.delete(id);
  counts.delete(id);
}

export const account = (name) => (name === USER.name || clients.has(name) ? { accountId: name, claims: () => ({ sub: name }) } : undefined);

export function count(id) {
  if (!counts.has(id)) counts.set(id, { requests: 0, issued: 0, refused: 0, methods: {}, grants: {} });
  return counts.get(id);
}

export function tokensOf(id) {
  const now = Date.now();
  const token = /^(AccessToken|ClientCredentials|RefreshToken):/;
  return [...stored].filter(([key, { payload, until }]) => token.test(key) && payload.clientId === id && until > now).map(([key]) => key);
}

export const hush = (...values) => hushed.push(...values.filter((value) => typeof value === 'string'));

export const takeHushed = () => hushed.splice(0);

export const revoke = (keys) => keys.forEach((key) => stored.delete(key));
