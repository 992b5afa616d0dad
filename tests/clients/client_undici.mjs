// A legacy caller written with undici: client_undici.mjs URL. It knows one URL and nothing of tokens.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';

const { Pool } = createRequire(new URL('../integration/', import.meta.url))('undici');

const url = new URL(process.argv[2]);
const pool = new Pool(url.origin, { connections: 1 });
const sha256 = (data) => createHash('sha256').update(data).digest('hex');

async function call(path, options = {}) {
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path: url.pathname + path, ...options });
  const data = Buffer.from(await body.arrayBuffer());
  assert.equal(statusCode, 200, `${path}: ${data}`);
  return { headers, data };
}

const body = randomBytes(1 << 20);
const pieces = Array.from({ length: 16 }, (_, i) => body.subarray(i << 16, (i + 1) << 16));

const got = await call('/echo/a%2Fb?x=1&y=two%20words');
assert.equal(got.headers['x-query'], 'x=1&y=two words');

const fixed = await call('/echo', { method: 'POST', body });
assert.equal(fixed.headers['x-sha256'], sha256(body));

const chunked = await call('/echo', { method: 'POST', body: Readable.from(pieces) });
assert.equal(chunked.headers['x-sha256'], sha256(body));

const head = await call('/bytes/4096', { method: 'HEAD' });
assert.equal(head.headers['content-length'], '4096');

for (const kind of ['fixed', 'chunked']) {
  const answer = await call(`/bytes/1048576?${kind}`);
  assert.equal(sha256(answer.data), answer.headers['x-sha256']);
}

for (let i = 0; i < 5; i += 1) await call(`/echo/${i}`);
await pool.close();
console.log('ok');
