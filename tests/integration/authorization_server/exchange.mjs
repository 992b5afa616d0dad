// Token exchange (RFC 8693): a token of this server for another one, with an actor where one is named.
// The answer's token never outlasts what was shown: scope narrows, and a dead or foreign token is refused.

import { errors } from 'oidc-provider';

import { issue, proven, required } from './grants.mjs';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const { InvalidRequest, InvalidScope } = errors;

async function shown(ctx, name) {
  const { provider, params } = ctx.oidc;
  if (params[`${name}_type`] !== ACCESS_TOKEN) throw new InvalidRequest(`${name}_type must be ${ACCESS_TOKEN}`);
  const value = params[name];
  const token = await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value);
  // RFC 8693 §2.2.2: an invalid or unacceptable subject or actor token is invalid_request
  if (!token?.isValid) throw new InvalidRequest(`${name} is not valid`);
  return token;
}

export function tokenExchange(provider) {
  const handler = async (ctx) => {
    required(ctx, 'subject_token', 'subject_token_type');
    const { params } = ctx.oidc;
    const proof = await proven(ctx);
    const subject = await shown(ctx, 'subject_token');
    const actor = params.actor_token === undefined ? undefined : await shown(ctx, 'actor_token');
    if (params.requested_token_type && params.requested_token_type !== ACCESS_TOKEN) throw new InvalidRequest('no such requested_token_type here');
    params.scope ??= subject.scope;
    const wider = [...ctx.oidc.requestParamScopes].filter((scope) => !subject.scopes.has(scope));
    if (wider.length) throw new InvalidScope('wider than the subject token', wider.join(' '));
    params.resource = [params.resource ?? [], params.audience ?? []].flat();
    if (!params.resource.length) delete params.resource;
    await issue(ctx, {
      accountId: subject.accountId ?? subject.clientId,
      gty: TOKEN_EXCHANGE,
      proof,
      act: actor && { sub: actor.accountId ?? actor.clientId },
      issuedTokenType: ACCESS_TOKEN,
      refresh: false,
    });
  };
  const parameters = [
    'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'scope', 'resource', 'audience',
  ];
  provider.registerGrantType(TOKEN_EXCHANGE, handler, parameters, ['resource', 'audience']);
}
