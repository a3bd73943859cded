// A merchant's own server: it exchanges a login code and verifies what it gets with a JWT library that is not ours (jose, npm), through the
// key set at its well-known address, also over a change of keys.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SignJWT, createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { browser, demo, scratch, workspace, youji } from './support.js';

/** Longest that a test may take; on a quiet machine each takes seconds. */
const LONG = 900000;
const PROGRAM = 'org.example.prober';

let kiosk;
let publisher;

before(async () => {
  const data = scratch('tokens');
  const file = join(scratch('key'), 'author.key');
  execFileSync(youji, ['keygen', '--out', file], { cwd: workspace });
  execFileSync(youji, ['publish', '--dir', join(workspace, 'tests/hostile/prober'), '--key', file, '--data', data, '--publisher', 'Tea House', '--json'], { cwd: workspace });
  const kept = JSON.parse(readFileSync(file, 'utf8'));
  const [x, d] = [kept.public, kept.secret].map((hex) => Buffer.from(hex, 'hex').toString('base64url'));
  publisher = { id: kept.id, key: await importJWK({ kty: 'OKP', crv: 'Ed25519', x, d }, 'EdDSA') };
  kiosk = await demo({ data });
}, { timeout: LONG });

after(() => kiosk?.stop());

/** What the program's server sends and gets: no cookie, no origin, nothing but the code and its own signature. */
async function exchange(code, { key = publisher.key, issuer = publisher.id, jti = code, audience = kiosk.report.publicUrl } = {}) {
  const assertion = await new SignJWT().setProtectedHeader({ alg: 'EdDSA' }).setIssuer(issuer).setSubject(PROGRAM).setAudience(audience).setJti(jti).setExpirationTime('2m').sign(key);
  const answer = await fetch(`${kiosk.report.address}/api/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code, client_assertion: assertion }) });
  return { status: answer.status, ...(await answer.json()) };
}

test('a login code becomes a token that jose verifies', { timeout: LONG }, async (t) => {
  const { page } = await browser(t, { permissions: [] });
  await page.goto(kiosk.report.address);
  await page.evaluate(() => fetch('/api/visitor', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"language":"en"}' }));
  await page.reload();
  await page.locator('.language [data-language=en]').first().click();
  await page.locator('.rail').getByText('Prober').first().click();
  const body = page.locator('.program-body');
  let runs = 0;
  /** The program makes a call, as a person sees it. */
  const said = async (command) => {
    await body.getByLabel('command').fill(command);
    await body.getByRole('button', { name: 'do' }).click();
    const line = body.getByText(`#${(runs += 1)} ok `);
    await line.waitFor();
    return (await line.innerText()).split(' ')[2];
  };

  const nonce = randomBytes(16).toString('hex');
  const openId = await said('open-id');
  const code = await said(`login-code|nonce=n${nonce}`);
  const issuer = kiosk.report.publicUrl;
  const keys = createRemoteJWKSet(new URL(`${kiosk.report.address}/.well-known/jwks.json`));
  const cached = createLocalJWKSet(await (await fetch(`${kiosk.report.address}/.well-known/jwks.json`)).json());

  // Whoever overheard the code has no use for it, and trying does not use it up.
  const stranger = await importJWK({ ...(await ownKey()) }, 'EdDSA');
  assert.equal((await exchange(code, { key: stranger })).status, 403);
  assert.equal((await exchange(code, { jti: 'another' })).status, 403);
  assert.equal((await exchange(code, { audience: 'http://elsewhere.example' })).status, 403);

  const first = await exchange(code);
  assert.equal(first.status, 200, JSON.stringify(first));
  const rules = { issuer, audience: PROGRAM, algorithms: ['EdDSA'], maxTokenAge: '5m', requiredClaims: ['sub', 'exp', 'jti', 'nonce'] };
  const { payload, protectedHeader } = await jwtVerify(first.id_token, keys, rules);
  assert.equal(protectedHeader.alg, 'EdDSA');
  assert.equal(payload.sub, openId, 'the person as the program knows them');
  assert.equal(payload.nonce, `n${nonce}`, 'for this request of the server’s');
  assert.ok(payload.exp - payload.iat <= 300, `good for ${payload.exp - payload.iat} s`);
  assert.equal((await exchange(code)).status, 403, 'once');

  await assert.rejects(jwtVerify(first.id_token, keys, { ...rules, audience: 'org.example.other' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
  await assert.rejects(jwtVerify(first.id_token, keys, { ...rules, issuer: 'http://elsewhere.example' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
  const [head, claims, signature] = first.id_token.split('.');
  const other = Buffer.from(JSON.stringify({ ...payload, sub: 'somebody-else' })).toString('base64url');
  await assert.rejects(jwtVerify(`${head}.${other}.${signature}`, keys, rules), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
  await assert.rejects(jwtVerify(`${unsigned}.${claims}.`, keys, rules));

  // The operator changes the keys: what was given out stays good, and a set from before knows the new key already.
  const operator = await browser(t, { permissions: [] });
  await operator.page.goto(kiosk.report.address);
  const changed = await operator.page.evaluate(async (pin) => {
    const post = (path, body) => fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    await post('/api/operator/sign-in', { pin });
    return (await post('/api/operator/token-keys', {})).status;
  }, kiosk.report.operatorPin);
  assert.equal(changed, 200);
  const second = await exchange(await said(`login-code|nonce=n${nonce}`));
  assert.notEqual(decodeProtectedHeader(second.id_token).kid, protectedHeader.kid, 'another key');
  for (const set of [cached, keys, createRemoteJWKSet(new URL(`${kiosk.report.address}/.well-known/jwks.json`))]) {
    for (const { id_token: token } of [first, second]) assert.equal((await jwtVerify(token, set, rules)).payload.sub, openId);
  }
});

/** A key of somebody else's. */
async function ownKey() {
  const { privateKey } = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  return crypto.subtle.exportKey('jwk', privateKey);
}
