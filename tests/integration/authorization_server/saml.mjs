// A SAML 2.0 assertion as RFC 7522 §3 wants it: signed, bearer, for us, in time.
// Only what the signature covers is read: the canonical bytes that it was computed over, parsed again.

import { DOMParser } from '@xmldom/xmldom';
import { SignedXml } from 'xml-crypto';

const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion';
const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
const SKEW = 30; // seconds

const children = (node, namespace, name) => [...Array.from(node.childNodes)].filter((child) => child.localName === name && child.namespaceURI === namespace);

function parse(xml) {
  const fail = (message) => {
    throw new Error(`not XML: ${message}`);
  };
  return new DOMParser({ errorHandler: { warning: fail, error: fail, fatalError: fail } }).parseFromString(xml, 'text/xml').documentElement;
}

function one(node, name) {
  const found = children(node, SAML, name);
  if (found.length !== 1) throw new Error(`one ${name} is wanted, and there are ${found.length}`);
  return found[0];
}

function demand(holds, message) {
  if (!holds) throw new Error(message);
}

const seconds = (element, name) => Date.parse(element.getAttribute(name)) / 1000;

function inTime(element) {
  const now = Date.now() / 1000;
  if (element.hasAttribute('NotBefore')) demand(seconds(element, 'NotBefore') - SKEW <= now, 'the assertion is not valid yet');
  if (element.hasAttribute('NotOnOrAfter')) demand(seconds(element, 'NotOnOrAfter') + SKEW > now, 'the assertion has ended');
}

function signed(xml, certificate) {
  const assertion = parse(xml);
  demand(assertion.localName === 'Assertion' && assertion.namespaceURI === SAML, 'not a SAML 2.0 assertion');
  const signatures = children(assertion, DSIG, 'Signature');
  demand(signatures.length === 1, 'the assertion is not signed');
  const verifier = new SignedXml({ publicCert: certificate, getCertFromKeyInfo: () => null });
  verifier.loadSignature(signatures[0]);
  demand(verifier.checkSignature(xml), 'the signature does not verify');
  const covered = verifier.getSignedReferences();
  demand(covered.length === 1, 'one signed reference is wanted');
  const again = parse(covered[0]);
  demand(again.localName === 'Assertion' && again.getAttribute('ID') === assertion.getAttribute('ID'), 'the signature is over something else');
  return again;
}

function confirmed(subject, recipient) {
  return children(subject, SAML, 'SubjectConfirmation').filter((confirmation) => confirmation.getAttribute('Method') === BEARER).map((confirmation) => {
    const data = one(confirmation, 'SubjectConfirmationData');
    demand(data.getAttribute('Recipient') === recipient, `Recipient is not ${recipient}`);
    demand(data.hasAttribute('NotOnOrAfter'), 'SubjectConfirmationData has no NotOnOrAfter');
    inTime(data);
    return seconds(data, 'NotOnOrAfter');
  });
}

export const issuerOf = (xml) => one(parse(xml), 'Issuer').textContent;

export function verifySaml(xml, { certificate, issuer, audiences, recipient }) {
  demand(certificate, 'no certificate is registered for the assertions of this client');
  const assertion = signed(xml, certificate);
  demand(assertion.getAttribute('Version') === '2.0', 'Version is not 2.0');
  demand(one(assertion, 'Issuer').textContent === issuer, 'unknown Issuer');
  const conditions = one(assertion, 'Conditions');
  inTime(conditions);
  const named = children(one(conditions, 'AudienceRestriction'), SAML, 'Audience').map((element) => element.textContent);
  demand(named.some((audience) => audiences.has(audience)), 'the Audience is another one');
  const subject = one(assertion, 'Subject');
  const ends = confirmed(subject, recipient);
  demand(ends.length > 0, 'no bearer SubjectConfirmation');
  return { id: assertion.getAttribute('ID'), subject: one(subject, 'NameID').textContent, until: Math.ceil(Math.max(...ends)) + SKEW };
}
